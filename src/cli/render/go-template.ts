import { UsageError } from "../arguments.ts";

/**
 * The part of Go's text/template that `--format` is used with: fields (`.State.Pid`), variables of range, `json`,
 * `join`, `upper`, `lower`, `title`, `len`, `index`, `println`, `eq`/`ne`/`and`/`or`/`not`, `if`/`else`/`end`, `range`,
 * `with`, pipelines, and trim markers (`{{-`). Source: pkg.go.dev/text/template and Docker's formatting page.
 */
export function renderTemplate(template: string, data: unknown): string {
  const nodes = parse(template);
  return renderNodes(nodes, { dot: data, root: data });
}

interface Scope {
  readonly dot: unknown;
  readonly root: unknown;
}

type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly expression: string }
  | {
      readonly kind: "if" | "range" | "with";
      readonly expression: string;
      readonly body: Node[];
      readonly otherwise: Node[];
    };

function parse(template: string): Node[] {
  const tokens = tokenize(template);
  const { nodes, end } = parseNodes(tokens, 0, false);
  if (end !== tokens.length)
    throw new UsageError(`template parsing error: template: :1: unexpected {{${tokens[end]?.text}}}`);
  return nodes;
}

interface Token {
  readonly action: boolean;
  readonly text: string;
}

function tokenize(template: string): Token[] {
  const tokens: Token[] = [];
  let rest = template;
  while (rest !== "") {
    const open = rest.indexOf("{{");
    if (open < 0) break;
    const close = rest.indexOf("}}", open);
    if (close < 0) throw new UsageError("template parsing error: template: :1: unclosed action");
    let before = rest.slice(0, open);
    let action = rest.slice(open + 2, close);
    rest = rest.slice(close + 2);
    if (action.startsWith("- ")) {
      before = before.trimEnd();
      action = action.slice(2);
    }
    if (action.endsWith(" -")) {
      action = action.slice(0, -2);
      rest = rest.trimStart();
    }
    tokens.push({ action: false, text: before }, { action: true, text: action.trim() });
  }
  return [...tokens, { action: false, text: rest }];
}

function parseNodes(tokens: readonly Token[], from: number, nested: boolean): { nodes: Node[]; end: number } {
  const nodes: Node[] = [];
  let at = from;
  while (at < tokens.length) {
    const token = tokens[at];
    if (token === undefined) break;
    if (!token.action) {
      nodes.push({ kind: "text", text: token.text });
      at++;
      continue;
    }
    const block = /^(if|range|with)\s+(.+)$/s.exec(token.text);
    if (nested && /^(end|else)\b/.test(token.text)) return { nodes, end: at };
    if (block === null) {
      if (!token.text.startsWith("/*")) nodes.push({ kind: "value", expression: token.text });
      at++;
      continue;
    }
    const body = parseNodes(tokens, at + 1, true);
    const otherwise = tokens[body.end]?.text === "else" ? parseNodes(tokens, body.end + 1, true) : undefined;
    at = (otherwise ?? body).end;
    if (tokens[at]?.text !== "end")
      throw new UsageError("template parsing error: template: :1: unexpected EOF");
    at++;
    const kind = block[1] as "if" | "range" | "with";
    nodes.push({ kind, expression: block[2] ?? "", body: body.nodes, otherwise: otherwise?.nodes ?? [] });
  }
  if (nested) throw new UsageError("template parsing error: template: :1: unexpected EOF");
  return { nodes, end: at };
}

function renderNodes(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => renderNode(node, scope)).join("");
}

function renderNode(node: Node, scope: Scope): string {
  if (node.kind === "text") return node.text;
  const value = evaluate(node.expression, scope);
  if (node.kind === "value") return goString(value);
  if (!truth(value)) return renderNodes(node.otherwise, scope);
  if (node.kind === "if") return renderNodes(node.body, scope);
  if (node.kind === "with") return renderNodes(node.body, { ...scope, dot: value });
  const items = Array.isArray(value) ? value : Object.values(value as object);
  return items.map((dot) => renderNodes(node.body, { ...scope, dot })).join("");
}

type Functions = Readonly<Record<string, (...args: unknown[]) => unknown>>;

const FUNCTIONS: Functions = {
  json: (value) => JSON.stringify(value ?? null),
  join: (list, separator) => (list as unknown[]).map(goString).join(String(separator)),
  split: (text, separator) => String(text).split(String(separator)),
  upper: (text) => String(text).toUpperCase(),
  lower: (text) => String(text).toLowerCase(),
  title: (text) => String(text).replace(/\b\w/g, (letter) => letter.toUpperCase()),
  len: (value) =>
    typeof value === "string" || Array.isArray(value) ? value.length : Object.keys(value as object).length,
  println: (...args) => `${args.map(goString).join(" ")}\n`,
  print: (...args) => args.map(goString).join(""),
  index: (value, ...keys) =>
    keys.reduce((at, key) => (at as Record<string, unknown> | undefined)?.[String(key)], value),
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  not: (value) => !truth(value),
  and: (...args) => args.find((value) => !truth(value)) ?? args.at(-1),
  or: (...args) => args.find(truth) ?? args.at(-1),
};

function evaluate(expression: string, scope: Scope): unknown {
  let piped: unknown[] = [];
  for (const stage of splitWords(expression, "|")) piped = [evaluateCall(stage.trim(), scope, piped)];
  return piped[0];
}

function evaluateCall(call: string, scope: Scope, piped: readonly unknown[]): unknown {
  const [head = "", ...rest] = splitWords(call, " ").filter((word) => word !== "");
  const known = FUNCTIONS[head];
  if (known === undefined) {
    if (/^[a-z]\w*$/.test(head) && head !== "true" && head !== "false" && head !== "nil") {
      throw new UsageError(`template parsing error: template: :1: function "${head}" not defined`);
    }
    return operand(head, scope);
  }
  return known(...rest.map((word) => operand(word, scope)), ...piped);
}

function operand(word: string, scope: Scope): unknown {
  if (word.startsWith("(") && word.endsWith(")")) return evaluate(word.slice(1, -1), scope);
  if (word.startsWith('"')) return JSON.parse(word) as string;
  if (/^-?\d+$/.test(word)) return Number(word);
  if (word === "true" || word === "false") return word === "true";
  if (word === "nil") return undefined;
  if (word === ".") return scope.dot;
  const [base, path] = word.startsWith("$.")
    ? [scope.root, word.slice(2)]
    : [scope.dot, word.replace(/^\./, "")];
  return path.split(".").reduce((at, key) => field(at, key, word), base as unknown);
}

function field(value: unknown, key: string, whole: string): unknown {
  if (value === null || typeof value !== "object") {
    throw new UsageError(`template parsing error: template: :1: can't evaluate field ${key} in ${whole}`);
  }
  if (key in value) return (value as Record<string, unknown>)[key];
  // Maps answer `<no value>` for what they lack; records that name a field that does not exist are a mistake.
  if (Object.keys(value).some((name) => /^[A-Z]/.test(name)) && /^[A-Z]/.test(key)) {
    throw new UsageError(`template: :1:2: executing "" at <${whole}>: map has no entry for key "${key}"`);
  }
  return undefined;
}

/** Splits outside of quotes and parentheses. */
function splitWords(text: string, separator: " " | "|"): string[] {
  const words: string[] = [];
  let word = "";
  let depth = 0;
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    if (!quoted && character === "(") depth++;
    if (!quoted && character === ")") depth--;
    if (character === separator && !quoted && depth === 0) {
      words.push(word);
      word = "";
    } else word += character;
  }
  return [...words, word];
}

function truth(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === "") return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** A value as Go prints it with %v. */
function goString(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(goString).join(" ")}]`;
  if (typeof value === "object") {
    const pairs = Object.entries(value).map(([key, item]) => `${key}:${goString(item)}`);
    return `map[${pairs.sort().join(" ")}]`;
  }
  return String(value);
}
