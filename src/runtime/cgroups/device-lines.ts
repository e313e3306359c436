import type { OciDeviceRule } from "../../oci/runtime-config.ts";
import { accessBits } from "./device-program.ts";

const number = (value: number | undefined): string => (value === undefined ? "*" : String(value));

/**
 * What to write to v1's devices.allow and devices.deny for one rule. There `a` stands for everything, whatever
 * follows it, so that a narrower rule for both types becomes two.
 */
export function deviceLines(rule: OciDeviceRule): { readonly file: string; readonly value: string }[] {
  const file = rule.allow ? "devices.allow" : "devices.deny";
  const access = rule.access ?? "rwm";
  const typed = rule.type === "b" || rule.type === "c";
  const whole = rule.major === undefined && rule.minor === undefined && accessBits(access) === 7;
  if (!typed && whole) return [{ file, value: "a" }];
  const types = typed ? [rule.type] : ["b", "c"];
  return types.map((type) => ({
    file,
    value: `${type} ${number(rule.major)}:${number(rule.minor)} ${access}`,
  }));
}
