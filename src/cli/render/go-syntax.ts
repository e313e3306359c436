/** The syntax of Go's text/template (pkg.go.dev/text/template) that `--format` is used with: text → tree. */

/** Positions are offsets into the template: messages carry them. */
export type Operand =
  | { readonly kind: "dot" }
  | { readonly kind: "nil" }
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  | {
      readonly kind: "field";
      readonly base: Operand | undefined;
      readonly names: readonly string[];
      readonly at: number;
    }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline };

/** Variables to set, and commands of which each hands its result to the next as its last argument. */
export interface Pipeline {
  readonly variables: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

/** A value, or a function and its arguments; with its place and text for messages. */
export interface Command {
  readonly operands: readonly Operand[];
  readonly at: number;
  readonly text: string;
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipeline: Pipeline }
  | { readonly kind: "break" | "continue" }
  | Block;

export interface Block {
  readonly kind: "if" | "range" | "with";
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** `phase` tells a template that cannot be read from one that does not fit the data. */
export class TemplateError extends Error {
  constructor(
    readonly phase: "parse" | "execute",
    message: string,
    /** What had been rendered before it went wrong. */
    readonly written = "",
  ) {
    super(message);
  }
}

/** Parses a template. `name` stands in the messages, as Go's template names do. Throws TemplateError `parse`. */
export function parseTemplate(template: string, functions: ReadonlySet<string>, name = ""): readonly Node[] {
  const fail = (message: string) => new TemplateError("parse", `template: ${name}:1: ${message}`);
  const pieces = splitActions(template, fail);
  const parser = new BlockParser(pieces, functions, fail);
  return parser.whole();
}

type Fail = (message: string) => TemplateError;

interface Piece {
  readonly isAction: boolean;
  readonly text: string;
  readonly at: number;
}

/** Text and actions in turn; `{{-` and `-}}` have eaten the white space beside them. */
function splitActions(template: string, fail: Fail): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = template.indexOf("{{", at);
    let text = template.slice(at, open < 0 ? template.length : open);
    if (trimNext) text = text.trimStart();
    if (open < 0) {
      pieces.push({ isAction: false, text, at });
      return pieces;
    }
    const inner = /^- /.test(template.slice(open + 2, open + 4)) ? open + 4 : open + 2;
    if (inner > open + 2) text = text.trimEnd();
    pieces.push({ isAction: false, text, at });
    const close = actionEnd(template, inner, fail);
    trimNext = / -$/.test(template.slice(inner, close));
    pieces.push({ isAction: true, text: template.slice(inner, trimNext ? close - 2 : close), at: inner });
    at = close + 2;
  }
}

/** The `}}` of an action; those inside of strings and comments are none. */
function actionEnd(template: string, from: number, fail: Fail): number {
  const skip = /\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|\}\}|[\s\S]/gy;
  skip.lastIndex = from;
  for (let match = skip.exec(template); match !== null; match = skip.exec(template)) {
    if (match[0] === "}}") return match.index;
    if (match[0] === '"' || match[0] === "\n") {
      throw fail(match[0] === '"' ? "unterminated quoted string" : "unclosed action");
    }
    if (match[0] === "`") throw fail("unterminated raw quoted string");
  }
  throw fail("unclosed action");
}

interface Token {
  readonly kind: "field" | "dot" | "variable" | "word" | "string" | "number" | "sign" | "space";
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /(?<space>\s+)|(?<string>"(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)+')|(?<field>\.[\p{L}_][\p{L}\p{N}_]*)|(?<variable>\$[\p{L}\p{N}_]*)|(?<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<sign>:=|=|\||\(|\)|,)|(?<dot>\.)/uy;

function tokensOf({ text, at }: Piece, fail: Fail): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      const character = String.fromCodePoint(text.codePointAt(start) ?? 0);
      throw fail(
        `unexpected ${JSON.stringify(character)} in command`.replace(/^unexpected "\\"/, "unexpected "),
      );
    }
    const [kind] = Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined) ?? ["space"];
    tokens.push({ kind: kind as Token["kind"], text: match[0], at: at + start });
  }
  return tokens;
}

/** Nests `if`, `range` and `with`. */
class BlockParser {
  #at = 0;
  constructor(
    private readonly pieces: readonly Piece[],
    private readonly functions: ReadonlySet<string>,
    private readonly fail: Fail,
  ) {}

  whole(): readonly Node[] {
    const { nodes, end } = this.#nodes(new Set(["$"]), false);
    if (end !== undefined) throw this.fail(`unexpected {{${end.word}}}`);
    return nodes;
  }

  /** Nodes up to `{{end}}` or `{{else …}}`, which is given back unread. */
  #nodes(
    variables: Set<string>,
    inRange: boolean,
  ): { nodes: Node[]; end: { word: string; rest: Token[] } | undefined } {
    const nodes: Node[] = [];
    for (let piece = this.pieces[this.#at++]; piece !== undefined; piece = this.pieces[this.#at++]) {
      if (!piece.isAction) {
        if (piece.text !== "") nodes.push({ kind: "text", text: piece.text });
        continue;
      }
      if (/^\s*\/\*[\s\S]*\*\/\s*$/.test(piece.text)) continue;
      const tokens = tokensOf(piece, this.fail);
      const first = tokens.find(({ kind }) => kind !== "space");
      if (first === undefined) throw this.fail("missing value for command");
      const rest = tokens.slice(tokens.indexOf(first) + 1);
      const word = first.kind === "word" ? first.text : "";
      if (word === "end" || word === "else") return { nodes, end: { word, rest } };
      nodes.push(this.#action(word, tokens, rest, variables, inRange));
    }
    return { nodes, end: undefined };
  }

  #action(word: string, tokens: Token[], rest: Token[], variables: Set<string>, inRange: boolean): Node {
    if (word === "if" || word === "range" || word === "with") {
      return this.#block(word, rest, new Set(variables), inRange || word === "range");
    }
    if (word === "break" || word === "continue") {
      if (!inRange) throw this.fail(`{{${word}}} outside {{range}}`);
      return { kind: word };
    }
    if (word === "define" || word === "template" || word === "block") {
      throw this.fail(`{{${word}}} is not available in berth`);
    }
    return { kind: "action", pipeline: this.#pipeline(tokens, variables, "command") };
  }

  #block(kind: "if" | "range" | "with", rest: Token[], variables: Set<string>, inRange: boolean): Node {
    const pipeline = this.#pipeline(rest, variables, kind);
    const body = this.#nodes(new Set(variables), inRange);
    if (body.end === undefined) throw this.fail("unexpected EOF");
    if (body.end.word === "end") return { kind, pipeline, body: body.nodes, otherwise: [] };
    const [next, ...behind] = body.end.rest.filter(({ kind: token }) => token !== "space");
    if (next !== undefined) {
      const chained = next.text;
      if (chained !== "if" && chained !== "with") throw this.fail(`unexpected <${chained}> in else`);
      const from = body.end.rest.indexOf(next) + 1;
      if (behind.length === 0) throw this.fail(`missing value for ${chained}`);
      return {
        kind,
        pipeline,
        body: body.nodes,
        otherwise: [this.#block(chained, body.end.rest.slice(from), new Set(variables), inRange)],
      };
    }
    const otherwise = this.#nodes(new Set(variables), inRange);
    if (otherwise.end?.word !== "end") throw this.fail("unexpected EOF");
    return { kind, pipeline, body: body.nodes, otherwise: otherwise.nodes };
  }

  #pipeline(tokens: Token[], variables: Set<string>, context: string): Pipeline {
    const parser = new PipelineParser(tokens, variables, this.functions, this.fail, context);
    const pipeline = parser.pipeline(false);
    for (const name of pipeline.variables) variables.add(name);
    return pipeline;
  }
}

/** Reads the words of one action. */
class PipelineParser {
  #at = 0;
  constructor(
    private readonly tokens: readonly Token[],
    private readonly variables: ReadonlySet<string>,
    private readonly functions: ReadonlySet<string>,
    private readonly fail: Fail,
    private readonly context: string,
  ) {}

  pipeline(nested: boolean): Pipeline {
    const { names, declares } = this.#declaration();
    const commands: Command[] = [];
    for (;;) {
      const command = this.#command();
      if (command.operands.length === 0) throw this.fail(`missing value for ${this.context}`);
      commands.push(command);
      const sign = this.#peek();
      if (sign?.text === "|") {
        this.#at++;
        continue;
      }
      if (nested !== (sign?.text === ")")) {
        throw this.fail(
          sign === undefined ? "unclosed left paren" : `unexpected ${describe(sign)} in ${this.context}`,
        );
      }
      if (nested) this.#at++;
      return { variables: names, declares, commands };
    }
  }

  /** `$x :=`, `$x =`, `$i, $x :=`. */
  #declaration(): { names: string[]; declares: boolean } {
    const words = this.tokens.slice(this.#at).filter(({ kind }) => kind !== "space");
    const [first, sign, second, last] = words;
    const isAssignment = (token: Token | undefined) => token?.text === ":=" || token?.text === "=";
    if (first?.kind !== "variable") return { names: [], declares: false };
    const names =
      sign?.text === "," && second?.kind === "variable" && isAssignment(last)
        ? [first.text, second.text]
        : isAssignment(sign)
          ? [first.text]
          : [];
    if (names.length === 0) return { names, declares: false };
    const operator = names.length === 2 ? last : sign;
    this.#at = operator === undefined ? this.#at : this.tokens.indexOf(operator) + 1;
    return { names, declares: operator?.text === ":=" };
  }

  /** Operands up to `|`, `)` or the end. */
  #command(): Command {
    const operands: Operand[] = [];
    const first = this.#peek();
    const from = this.#at;
    for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
      if (token.text === "|" || token.text === ")") break;
      operands.push(this.#operand(token));
    }
    const words = this.tokens.slice(from, this.#at).map(({ kind, text }) => (kind === "space" ? " " : text));
    return { operands, at: first?.at ?? 0, text: words.join("").trim() };
  }

  #operand(token: Token): Operand {
    this.#at++;
    if (token.kind === "field") return this.#fields(undefined, token.at, [token.text.slice(1)]);
    const base = this.#base(token);
    const next = this.tokens[this.#at];
    return next?.kind === "field" ? this.#fields(base, next.at, []) : base;
  }

  #base(token: Token): Operand {
    if (token.kind === "dot") return { kind: "dot" };
    if (token.kind === "variable") {
      if (!this.variables.has(token.text))
        throw this.fail(`undefined variable ${JSON.stringify(token.text)}`);
      return { kind: "variable", name: token.text };
    }
    if (token.kind === "string") return { kind: "literal", value: unquote(token.text, this.fail) };
    if (token.kind === "number") return { kind: "literal", value: Number(token.text) };
    if (token.text === "(") return { kind: "pipeline", pipeline: this.pipeline(true) };
    if (token.kind !== "word") throw this.fail(`unexpected ${describe(token)} in ${this.context}`);
    if (token.text === "true" || token.text === "false")
      return { kind: "literal", value: token.text === "true" };
    if (token.text === "nil") return { kind: "nil" };
    if (!this.functions.has(token.text))
      throw this.fail(`function ${JSON.stringify(token.text)} not defined`);
    return { kind: "function", name: token.text };
  }

  /** Go's position of a chain is that of its second link when it has one. */
  #fields(base: Operand | undefined, at: number, names: string[]): Operand {
    const first = this.tokens[this.#at];
    const position = names.length > 0 && first?.kind === "field" ? first.at : at;
    for (let token = this.tokens[this.#at]; token?.kind === "field"; token = this.tokens[this.#at]) {
      names.push(token.text.slice(1));
      this.#at++;
    }
    return { kind: "field", base, names, at: position };
  }

  #peek(): Token | undefined {
    while (this.tokens[this.#at]?.kind === "space") this.#at++;
    return this.tokens[this.#at];
  }
}

const describe = (token: Token) => `<${token.text}>`;

function unquote(text: string, fail: Fail): string | number {
  if (text.startsWith("`")) return text.slice(1, -1);
  if (text.startsWith("'")) return unquoteDouble(`"${text.slice(1, -1)}"`, fail).codePointAt(0) ?? 0;
  return unquoteDouble(text, fail);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

function unquoteDouble(text: string, fail: Fail): string {
  return text
    .slice(1, -1)
    .replace(
      /\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/g,
      (_, simple?: string, hex?: string, four?: string, eight?: string, octal?: string) => {
        if (simple !== undefined) return ESCAPES[simple] ?? simple;
        const digits = hex ?? four ?? eight;
        if (digits !== undefined) return String.fromCodePoint(Number.parseInt(digits, 16));
        if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
        throw fail("invalid syntax");
      },
    );
}
