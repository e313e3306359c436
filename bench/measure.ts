export const print = (line: string) => process.stdout.write(`${line}\n`);

/** Times in milliseconds of repeated runs of one thing. */
export interface Sample {
  readonly median: number;
  readonly p95: number;
  readonly runs: number;
}

export function sampleOf(times: readonly number[]): Sample {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (fraction: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0;
  return { median: at(0.5), p95: at(0.95), runs: times.length };
}

/** Both engines do things behind an answer, Docker for some hundred milliseconds: none of it is to count as the next one's time. */
const REST_MS = 300;

/**
 * Times several things in turn, A B C A B C …, so that a machine whose speed drifts does not favour one of them.
 * One uncounted round warms up; `before` is not counted either, and each thing begins on a machine at rest.
 */
export async function timeInTurn<K extends string>(
  rounds: number,
  things: Readonly<Record<K, () => Promise<unknown>>>,
  before: (name: K) => Promise<unknown> = async () => {},
): Promise<Record<K, Sample>> {
  const names = Object.keys(things) as K[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      await before(name);
      await Bun.sleep(REST_MS);
      const started = performance.now();
      await things[name]();
      if (round > 0) times[name].push(performance.now() - started);
    }
  }
  return Object.fromEntries(names.map((name) => [name, sampleOf(times[name])])) as Record<K, Sample>;
}

/** One line of the report: a figure, what it is compared with, the ratio and the target. */
export function reportLine(what: string, ours: number, theirs: number, peer: string, target: string): string {
  const ratio = (ours / theirs).toFixed(2);
  return `${what.padEnd(46)} ${ours.toFixed(1).padStart(8)} ms  ${peer} ${theirs.toFixed(1).padStart(8)} ms  ratio ${ratio.padStart(6)}  target ${target}`;
}
