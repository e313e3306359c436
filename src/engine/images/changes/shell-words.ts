/** Quotes, escapes and variables as Dockerfile instructions have them: a small part of a shell's words. */
import { EngineError } from "../../../base/errors.ts";

export type Variables = ReadonlyMap<string, string>;

const invalid = (message: string) => new EngineError("invalid", message);

/** Cuts at white space outside quotes. Quotes and escapes stay, for expandWord. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  let begun = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote === "" && /\s/.test(char)) {
      if (begun) words.push(word);
      word = "";
      begun = false;
      continue;
    }
    begun = true;
    word += char;
    if (char === "\\" && quote !== "'") {
      at += 1;
      word += text.charAt(at);
    } else if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === "'" || char === '"') {
      quote = char;
    }
  }
  if (begun) words.push(word);
  return words;
}

/** Takes quotes and escapes away and puts `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}` in. Throws invalid. */
export function expandWord(word: string, variables: Variables): string {
  return new WordReader(word, variables).read("");
}

class WordReader {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly variables: Variables,
  ) {}

  /** Reads up to the character `end`, not taking it, or to the end of the text. */
  read(end: string): string {
    let result = "";
    while (this.at < this.text.length && (end === "" || this.peek() !== end)) {
      const char = this.next();
      if (char === "'") result += this.singleQuoted();
      else if (char === '"') result += this.doubleQuoted();
      else if (char === "$") result += this.variable();
      else if (char === "\\") result += this.next();
      else result += char;
    }
    return result;
  }

  private peek(): string {
    return this.text.charAt(this.at);
  }

  private next(): string {
    const char = this.peek();
    this.at += 1;
    return char;
  }

  private singleQuoted(): string {
    const end = this.text.indexOf("'", this.at);
    if (end < 0) throw invalid("unexpected end of statement while looking for matching single-quote");
    const content = this.text.slice(this.at, end);
    this.at = end + 1;
    return content;
  }

  private doubleQuoted(): string {
    let result = "";
    for (;;) {
      if (this.at >= this.text.length) {
        throw invalid("unexpected end of statement while looking for matching double-quote");
      }
      const char = this.next();
      if (char === '"') return result;
      if (char === "$") result += this.variable();
      else if (char === "\\" && /["$\\]/.test(this.peek())) result += this.next();
      else result += char;
    }
  }

  private variable(): string {
    if (this.peek() !== "{") {
      const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!$-])/.exec(this.text.slice(this.at))?.[0];
      if (name === undefined) return "$";
      this.at += name.length;
      return this.variables.get(name) ?? "";
    }
    this.at += 1;
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(this.text.slice(this.at))?.[0];
    if (name === undefined) throw invalid("syntax error: bad substitution");
    this.at += name.length;
    const value = this.variables.get(name);
    const result = this.modified(value);
    if (this.next() !== "}") throw invalid("syntax error: missing '}'");
    return result;
  }

  /** With a colon an empty value counts as none. */
  private modified(value: string | undefined): string {
    const colon = this.peek() === ":";
    const operator = colon ? this.text.charAt(this.at + 1) : this.peek();
    if (operator === "}" && !colon) return value ?? "";
    if (operator !== "-" && operator !== "+" && operator !== "?") {
      throw invalid(`unsupported modifier (${operator}) in substitution`);
    }
    this.at += colon ? 2 : 1;
    const word = this.read("}");
    const isSet = value !== undefined && !(colon && value === "");
    if (operator === "-") return isSet ? value : word;
    if (operator === "+") return isSet ? word : "";
    if (!isSet) throw invalid(word === "" ? "variable is not set" : word);
    return value;
  }
}
