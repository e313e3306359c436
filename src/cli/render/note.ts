const sgr = (...codes: readonly number[]) => codes.map((code) => `\u001b[${code}m`).join("");
const BOLD = 1;
const ITALIC = 3;
const BLACK = 30;
const LIGHT_CYAN = 96;
const ON_LIGHT_CYAN = 106;
const PLAIN = 0;

const HEADER = " Info -> ";
/** As wide as the plain one. */
const COLORED_HEADER = `${sgr(BOLD, ON_LIGHT_CYAN, BLACK)}i${sgr(PLAIN, PLAIN)} ${sgr(LIGHT_CYAN)}Info → ${sgr(PLAIN, PLAIN)}`;

/** A remark beside a command's result, its lines below each other; set off by color on a terminal, as Docker's are. */
export function noteText(text: string, onTerminal: boolean): string {
  const lines = text.split("\n").map((line) => (onTerminal ? `${sgr(ITALIC)}${line}${sgr(PLAIN)}` : line));
  const header = onTerminal ? COLORED_HEADER : HEADER;
  return `\n${header}${lines.join(`\n${" ".repeat(HEADER.length)}`)}\n`;
}
