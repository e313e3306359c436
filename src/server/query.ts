/** Query parameters, read as Docker reads them. */
import { EngineError } from "../base/errors.ts";

const FALSE_WORDS = new Set(["", "0", "no", "false", "none"]);
const BROKEN_ESCAPE = /%(?![0-9a-fA-F]{2}).{0,2}/;
const UINT32_MAX = 0xffff_ffff;

export class Query {
  readonly #parameters: URLSearchParams;

  /** `text` is what follows the `?`. Throws invalid for a broken escape. */
  constructor(text: string) {
    const broken = BROKEN_ESCAPE.exec(text);
    if (broken !== null) throw new EngineError("invalid", `invalid URL escape ${JSON.stringify(broken[0])}`);
    this.#parameters = new URLSearchParams(text);
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** The first value; empty when there is none. */
  text(name: string): string {
    return this.#parameters.get(name) ?? "";
  }

  /** The first value; undefined when there is none or it is empty. */
  find(name: string): string | undefined {
    const value = this.text(name);
    return value === "" ? undefined : value;
  }

  all(name: string): string[] {
    return this.#parameters.getAll(name);
  }

  /** Empty, `0`, `no`, `false` and `none` are false, everything else is true. */
  flag(name: string): boolean {
    return !FALSE_WORDS.has(this.text(name).trim().toLowerCase());
  }

  flagOr(name: string, otherwise: boolean): boolean {
    return this.has(name) ? this.flag(name) : otherwise;
  }

  /** Undefined when it is missing or empty. Throws invalid in the words of Go's strconv. */
  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === "") return undefined;
    const number = /^[+-]?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number)) return number;
    const reason = Number.isNaN(number) ? "invalid syntax" : "value out of range";
    throw new EngineError("invalid", `strconv.Atoi: parsing ${JSON.stringify(value)}: ${reason}`);
  }

  /** A required number of 32 bits; `what` names it in the error. */
  uint32(name: string, what: string): number {
    const value = this.text(name);
    const syntax = /^-?[0-9]+$/.test(value);
    const number = Number(value);
    if (syntax && number >= 0 && number <= UINT32_MAX) return number;
    const reason = syntax ? "value out of range" : "invalid syntax";
    throw new EngineError("invalid", `invalid ${what} ${JSON.stringify(value)}: ${reason}`);
  }
}
