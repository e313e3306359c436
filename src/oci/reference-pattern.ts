import { EngineError } from "../base/errors.ts";
import { familiarRepository, familiarString, type ImageName } from "./reference.ts";

type Token =
  | { readonly kind: "char"; readonly char: string }
  | { readonly kind: "any" }
  | { readonly kind: "star" }
  | {
      readonly kind: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

const bad = () => new EngineError("invalid", "syntax error in pattern");

/**
 * Whether a name matches the pattern of `--filter reference=…`: Go's path.Match on the familiar form, once with and
 * once without its tag. Throws invalid "syntax error in pattern".
 */
export function matchesReferencePattern(pattern: string, name: ImageName): boolean {
  const tokens = tokenize(pattern);
  return matches(tokens, familiarString(name)) || matches(tokens, familiarRepository(name));
}

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; ) {
    const char = pattern.charAt(at);
    if (char === "*") {
      if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
      at += 1;
    } else if (char === "?") {
      tokens.push({ kind: "any" });
      at += 1;
    } else if (char === "[") {
      at = readClass(pattern, at + 1, tokens);
    } else {
      const escaped = char === "\\";
      if (escaped && at + 1 >= pattern.length) throw bad();
      tokens.push({ kind: "char", char: escaped ? pattern.charAt(at + 1) : char });
      at += escaped ? 2 : 1;
    }
  }
  return tokens;
}

function readClass(pattern: string, start: number, tokens: Token[]): number {
  let at = start;
  const negated = pattern.charAt(at) === "^";
  if (negated) at += 1;
  const ranges: [string, string][] = [];
  const next = (): string => {
    if (pattern.charAt(at) === "\\") at += 1;
    const char = pattern.charAt(at);
    if (char === "") throw bad();
    at += 1;
    return char;
  };
  while (pattern.charAt(at) !== "]" || ranges.length === 0) {
    if (pattern.charAt(at) === "-" || pattern.charAt(at) === "]") throw bad();
    const low = next();
    let high = low;
    if (pattern.charAt(at) === "-") {
      at += 1;
      high = next();
    }
    ranges.push([low, high]);
  }
  tokens.push({ kind: "class", negated, ranges });
  return at + 1;
}

function matchesOne(token: Token, char: string): boolean {
  switch (token.kind) {
    case "char":
      return token.char === char;
    case "class":
      return token.ranges.some(([low, high]) => low <= char && char <= high) !== token.negated;
    default:
      return char !== "/";
  }
}

/** Greedy with one point of return, the last star: at worst the product of both lengths, whatever the pattern. */
function matches(tokens: readonly Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const current = tokens[token];
    if (current?.kind === "star") {
      star = token;
      starAt = at;
      token += 1;
    } else if (current !== undefined && matchesOne(current, text.charAt(at))) {
      token += 1;
      at += 1;
    } else if (star >= 0 && text.charAt(starAt) !== "/") {
      starAt += 1;
      at = starAt;
      token = star + 1;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === "star") token += 1;
  return token === tokens.length;
}
