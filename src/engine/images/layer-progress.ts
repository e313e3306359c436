import type { ProgressMessage } from "../../api/image-views.ts";
import { shortId } from "../../base/ids.ts";

const STEP_BYTES = 512 << 10;
const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;
const BAR_WIDTH = 50;

/** Tells, every half MiB and at the end, how much of a layer's file was read. */
export function layerProgress(
  layer: { readonly diffId: string; readonly totalBytes: number },
  push: (message: ProgressMessage) => void,
): (inputBytes: number) => void {
  let told = -STEP_BYTES;
  return (current) => {
    if (current - told < STEP_BYTES && (current < layer.totalBytes || current === told)) return;
    told = current;
    push({
      status: "Loading layer",
      progressDetail: { current, total: layer.totalBytes },
      progress: progressBar(current, layer.totalBytes),
      id: shortId(layer.diffId),
    });
  };
}

/** `[=====>      ]  1.5MB/12MB`: for clients that print the line as it is. */
export function progressBar(current: number, total: number): string {
  const filled = total <= 0 ? BAR_WIDTH : Math.min(BAR_WIDTH, Math.floor((current / total) * BAR_WIDTH));
  const bar = `${"=".repeat(filled)}>${" ".repeat(BAR_WIDTH - filled)}`;
  return `[${bar}]  ${humanSize(current).padStart(7)}/${humanSize(total)}`;
}

/** Four significant digits, decimal units. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(4))}${UNITS[unit]}`;
}
