import { EngineError } from "../../../base/errors.ts";
import { type ContainerId, shortId } from "../../../base/ids.ts";
import { ADJECTIVES, SEAFARERS } from "./name-words.ts";

const ALLOWED = "[a-zA-Z0-9][a-zA-Z0-9_.-]";
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** Docker has no limit; ours is a file name's, since a name ends up in hosts files and logs. */
const MOST_NAME_BYTES = 255;

/** The name without its slash. Throws invalid. */
export function parseContainerName(text: string): string {
  const name = text.startsWith("/") ? text.slice(1) : text;
  if (!NAME.test(name)) {
    throw new EngineError("invalid", `Invalid container name (${text}), only ${ALLOWED} are allowed`);
  }
  if (name.length > MOST_NAME_BYTES) {
    throw new EngineError(
      "invalid",
      `Invalid container name: ${name.length} characters are more than the ${MOST_NAME_BYTES} allowed`,
    );
  }
  return name;
}

/** A free name like `brisk_magellan`; after some collisions one with a digit, at last the short id. */
export function inventName(isTaken: (name: string) => boolean, id: ContainerId): string {
  for (let attempt = 0; attempt < 6; attempt++) {
    const name = `${pick(ADJECTIVES)}_${pick(SEAFARERS)}${attempt === 0 ? "" : attempt}`;
    if (!isTaken(name)) return name;
  }
  return shortId(id);
}

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)] ?? "";
}
