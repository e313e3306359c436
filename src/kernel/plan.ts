import { BugError } from "../base/errors.ts";
import {
  Op,
  type OpCode,
  PLAN_HEADER_BYTES,
  PLAN_MAGIC,
  PLAN_MAX_BYTES,
  PROTOCOL_VERSION,
} from "./protocol.ts";

export type PlanArgument = string | number | bigint | Uint8Array;

/** One operation of a launch plan, as `native/include/protocol.h` lists them. */
export interface PlanOperation {
  readonly op: OpCode;
  readonly args: readonly PlanArgument[];
}

const encoder = new TextEncoder();

/** Strings get their terminating NUL here; numbers become 8 bytes. */
function encodeArgument(argument: PlanArgument): Uint8Array {
  if (typeof argument === "string") {
    if (argument.includes("\0")) throw new BugError("a plan's string holds a NUL byte");
    return encoder.encode(`${argument}\0`);
  }
  if (typeof argument === "number" || typeof argument === "bigint") {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt.asIntN(64, BigInt(argument)), true);
    return bytes;
  }
  return argument;
}

/**
 * Encodes a launch plan: the only place that knows its bytes (layout: `native/include/protocol.h`).
 * Throws BugError for a NUL inside a string and for a plan above PLAN_MAX_BYTES; callers reject such input earlier.
 */
export function encodePlan(operations: readonly PlanOperation[]): Uint8Array {
  const encoded = operations.map((operation) => ({
    op: operation.op,
    args: operation.args.map(encodeArgument),
  }));
  const sizeOfArgs = (args: Uint8Array[]) => args.reduce((sum, bytes) => sum + 4 + bytes.length, 0);
  const total = encoded.reduce((sum, operation) => sum + 8 + sizeOfArgs(operation.args), PLAN_HEADER_BYTES);
  if (total > PLAN_MAX_BYTES) throw new BugError(`a launch plan of ${total} bytes is too large`);

  const plan = new Uint8Array(total);
  const view = new DataView(plan.buffer);
  view.setUint32(0, PLAN_MAGIC, true);
  view.setUint32(4, PROTOCOL_VERSION, true);
  view.setUint32(8, encoded.length, true);
  view.setUint32(12, total, true);
  let at = PLAN_HEADER_BYTES;
  for (const { op, args } of encoded) {
    view.setUint16(at, op, true);
    view.setUint16(at + 2, args.length, true);
    view.setUint32(at + 4, sizeOfArgs(args), true);
    at += 8;
    for (const bytes of args) {
      view.setUint32(at, bytes.length, true);
      plan.set(bytes, at + 4);
      at += 4 + bytes.length;
    }
  }
  return plan;
}

const NAMES = new Map<number, string>(Object.entries(Op).map(([name, code]) => [code, name]));

/** The operation's name for error messages and goldens. */
export function operationName(code: number): string {
  return NAMES.get(code) ?? `operation ${code}`;
}
