import { CallError, FUNCTION_NAMES, FUNCTIONS, type GoFunction } from "./go-functions.ts";
import {
  type Block,
  type Command,
  type Node,
  type Operand,
  type Pipeline,
  parseTemplate,
  TemplateError,
} from "./go-syntax.ts";
import {
  absentField,
  GoNull,
  goString,
  isMapField,
  nullOf,
  sortedMap,
  truth,
  wireName,
} from "./go-values.ts";

export interface TemplateOptions {
  /** Stands in messages. */
  readonly name?: string;
  /** The type that messages name for a field which the data have not; without it they speak of a map's entry. */
  readonly typeName?: string;
  /** Functions that take the place of the usual ones. */
  readonly functions?: Readonly<Record<string, GoFunction>>;
}

/**
 * A template of Go's text/template over data of JSON's kinds, ready to be rendered often. A property that is a function is
 * called with the words behind it (`{{.Label "x"}}`). Throws TemplateError, as rendering does.
 */
export function compileTemplate(template: string, options: TemplateOptions = {}): (data: unknown) => string {
  const nodes = parseTemplate(template, FUNCTION_NAMES, options.name);
  return (data) => new Evaluation(data, options).render(nodes);
}

class LoopSignal {
  constructor(readonly kind: "break" | "continue") {}
}

/** One rendering: the scope of variables, and what has been written. */
class Evaluation {
  #output = "";
  #scope: Map<string, { value: unknown }>[] = [];
  /** Maps of the user's keys, known by the field they were reached by. */
  readonly #maps = new WeakSet<object>();

  constructor(
    private readonly data: unknown,
    private readonly options: TemplateOptions,
  ) {}

  render(nodes: readonly Node[]): string {
    this.#scope = [new Map([["$", { value: this.data }]])];
    try {
      this.#nodes(nodes, this.data);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw new TemplateError(error.phase, error.message, this.#output);
    }
    return this.#output;
  }

  #nodes(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) this.#node(node, dot);
  }

  #node(node: Node, dot: unknown): void {
    switch (node.kind) {
      case "text":
        this.#output += node.text;
        return;
      case "break":
      case "continue":
        throw new LoopSignal(node.kind);
      case "action": {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.#output += goString(value);
        return;
      }
      default:
        this.#scope.push(new Map());
        if (node.kind === "range") this.#range(node, dot);
        else this.#choice(node, dot);
        this.#scope.pop();
    }
  }

  #choice(node: Block, dot: unknown): void {
    const value = this.#pipeline(node.pipeline, dot);
    if (truth(value)) this.#nodes(node.body, node.kind === "with" ? value : dot);
    else this.#nodes(node.otherwise, dot);
  }

  #range(node: Block, dot: unknown): void {
    const { variables } = node.pipeline;
    const value = this.#commands(node.pipeline, dot);
    const entries = entriesOf(value);
    if (entries === undefined) {
      const [first] = node.pipeline.commands;
      throw this.#failure(first?.at ?? 0, first?.text ?? "", `range can't iterate over ${goString(value)}`);
    }
    if (entries.length === 0) this.#nodes(node.otherwise, dot);
    for (const [key, item] of entries) {
      const depth = this.#scope.push(new Map());
      const [first, second] = variables;
      if (second !== undefined) this.#declare(second, item);
      if (first !== undefined) this.#declare(first, second === undefined ? item : key);
      try {
        this.#nodes(node.body, item);
      } catch (error) {
        if (!(error instanceof LoopSignal)) throw error;
        if (error.kind === "break") return;
      } finally {
        this.#scope.length = depth - 1;
      }
    }
  }

  #declare(name: string, value: unknown): void {
    this.#scope.at(-1)?.set(name, { value });
  }

  #pipeline(pipeline: Pipeline, dot: unknown): unknown {
    const value = this.#commands(pipeline, dot);
    const [name] = pipeline.variables;
    if (name !== undefined) {
      const known = this.#scope.findLast((variables) => variables.has(name))?.get(name);
      if (pipeline.declares || known === undefined) this.#declare(name, value);
      else known.value = value;
    }
    return value;
  }

  #commands(pipeline: Pipeline, dot: unknown): unknown {
    let piped: readonly unknown[] = [];
    for (const command of pipeline.commands) piped = [this.#command(command, dot, piped)];
    return piped[0];
  }

  #command(command: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const [head, ...rest] = command.operands;
    if (head === undefined) return undefined;
    if (head.kind === "function") return this.#call(head.name, rest, dot, piped, command);
    if (head.kind === "field") {
      return this.#field(head, dot, [...rest.map((operand) => this.#operand(operand, dot)), ...piped]);
    }
    if (rest.length + piped.length > 0) {
      throw this.#failure(command.at, command.text, `can't give argument to non-function ${command.text}`);
    }
    return this.#operand(head, dot);
  }

  #call(
    name: string,
    operands: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
    command: Pick<Command, "at" | "text">,
  ): unknown {
    if (name === "and" || name === "or") {
      let last: unknown;
      for (const operand of operands) {
        last = this.#operand(operand, dot);
        if (truth(last) === (name === "or")) return last;
      }
      return piped.length > 0 ? piped[0] : last;
    }
    const call = this.options.functions?.[name] ?? FUNCTIONS[name];
    const args = [...operands.map((operand) => this.#operand(operand, dot)), ...piped];
    try {
      return call?.(...args);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      throw this.#failure(command.at, command.text, error.message);
    }
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "literal":
        return operand.value;
      case "variable":
        return this.#scope.findLast((variables) => variables.has(operand.name))?.get(operand.name)?.value;
      case "pipeline":
        return this.#commands(operand.pipeline, dot);
      case "function":
        return this.#call(operand.name, [], dot, [], { at: 0, text: operand.name });
      default:
        return this.#field(operand, dot, []);
    }
  }

  #field(operand: Extract<Operand, { kind: "field" }>, dot: unknown, args: readonly unknown[]): unknown {
    let value = operand.base === undefined ? dot : this.#operand(operand.base, dot);
    for (const name of operand.names) {
      value = this.#member(value, name, operand);
      if (typeof value === "function") value = (value as GoFunction)(...args);
      else if (args.length > 0) {
        const chain = `.${operand.names.join(".")}`;
        throw this.#failure(operand.at, chain, `${name} is not a method but has arguments`);
      }
    }
    return value;
  }

  #member(value: unknown, name: string, operand: Extract<Operand, { kind: "field" }>): unknown {
    const chain = `.${operand.names.join(".")}`;
    const { typeName } = this.options;
    if (value instanceof GoNull && value.absent !== undefined) {
      throw this.#failure(operand.at, chain, `map has no entry for key ${JSON.stringify(value.absent)}`);
    }
    if (value instanceof GoNull || value === null || value === undefined) {
      throw this.#failure(operand.at, chain, `nil pointer evaluating interface {}.${name}`);
    }
    if (typeof value !== "object" || Array.isArray(value)) {
      throw this.#failure(
        operand.at,
        chain,
        `can't evaluate field ${name} in type ${Array.isArray(value) ? "[]interface {}" : typeof value}`,
      );
    }
    const key = wireName(value, name);
    if (key !== undefined) {
      const found = (value as Record<string, unknown>)[key];
      if (found === null) return nullOf(name);
      return typeof found === "object" && isMapField(name) ? this.#map(found) : found;
    }
    if (this.#maps.has(value)) return undefined;
    const absent = typeName === undefined ? absentField(name) : undefined;
    if (absent !== undefined) return absent;
    throw this.#failure(
      operand.at,
      chain,
      typeName === undefined
        ? `map has no entry for key ${JSON.stringify(name)}`
        : `can't evaluate field ${name} in type ${typeName}`,
    );
  }

  #map(found: object | null): unknown {
    if (found === null || Array.isArray(found)) return found;
    const map = sortedMap(found as Record<string, unknown>);
    this.#maps.add(map);
    return map;
  }

  #failure(at: number, where: string, message: string): TemplateError {
    const { name = "" } = this.options;
    const short = where.length > 20 ? `${where.slice(0, 20)}...` : where;
    return new TemplateError(
      "execute",
      `template: ${name}:1:${at}: executing ${JSON.stringify(name)} at <${short}>: ${message}`,
    );
  }
}

function entriesOf(value: unknown): (readonly [unknown, unknown])[] | undefined {
  if (value instanceof GoNull || value === null || value === undefined) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === "number") return Array.from({ length: value }, (_, index) => [index, index] as const);
  if (typeof value !== "object") return undefined;
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}
