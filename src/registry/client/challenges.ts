/** The `WWW-Authenticate` header (RFC 9110, 11.6.1): several challenges, each a scheme with parameters. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_CHALLENGES = 16;
const MAX_PARAMETERS = 32;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/** What cannot be read ends the list; what came before it counts. Several header lines arrive joined by commas. */
export function parseChallenges(header: string | null): Challenge[] {
  if (header === null) return [];
  const reader = new HeaderReader(header);
  const challenges: Challenge[] = [];
  while (challenges.length < MAX_CHALLENGES) {
    reader.skip(/[\s,]*/y);
    const scheme = reader.take(TOKEN);
    if (scheme === undefined) break;
    reader.skip(/[ \t]*/y);
    challenges.push({ scheme: scheme.toLowerCase(), parameters: readParameters(reader) });
  }
  return challenges;
}

function readParameters(reader: HeaderReader): Map<string, string> {
  const parameters = new Map<string, string>();
  // What Negotiate and its like send in place of parameters.
  if (reader.take(TOKEN68) !== undefined) return parameters;
  while (parameters.size < MAX_PARAMETERS) {
    const start = reader.at;
    reader.skip(/[\s,]*/y);
    const name = reader.take(TOKEN);
    if (name === undefined || reader.take(/[ \t]*=[ \t]*/y) === undefined) {
      // The next challenge's scheme.
      reader.at = start;
      break;
    }
    const value = reader.quoted() ?? reader.take(/[^\s,"]*/y) ?? "";
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  return parameters;
}

class HeaderReader {
  at = 0;

  constructor(private readonly text: string) {}

  /** `pattern` is sticky. */
  take(pattern: RegExp): string | undefined {
    return this.#match(pattern)?.[0];
  }

  skip(pattern: RegExp): void {
    this.#match(pattern);
  }

  quoted(): string | undefined {
    return this.#match(QUOTED)?.[1]?.replace(/\\(.)/g, "$1");
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.at = pattern.lastIndex;
    return match;
  }
}
