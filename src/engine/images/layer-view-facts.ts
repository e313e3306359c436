import type { FileFacts, FileType, ImageLabel } from "../../api/storage-views.ts";
import {
  FILE_TYPE_MASK,
  FileTypeBits,
  isRegular,
  shownName,
  type TreeEntry,
} from "../../kernel/tree-list.ts";
import type { StoredImage } from "../../store/images.ts";

export function imageLabel(image: StoredImage): ImageLabel {
  return { Id: image.id, Names: [...image.tags, ...image.digests] };
}

const TYPES: ReadonlyMap<number, FileType> = new Map([
  [FileTypeBits.regular, "file"],
  [FileTypeBits.directory, "directory"],
  [FileTypeBits.symlink, "symlink"],
  [FileTypeBits.character, "character"],
  [FileTypeBits.block, "block"],
  [FileTypeBits.fifo, "fifo"],
  [FileTypeBits.socket, "socket"],
]);

export function fileType(entry: TreeEntry): FileType {
  return TYPES.get(entry.mode & FILE_TYPE_MASK) ?? "file";
}

export function fileFacts(entry: TreeEntry): FileFacts {
  return {
    Type: fileType(entry),
    Size: isRegular(entry) ? entry.sizeBytes : 0,
    Mode: entry.mode & 0o7777,
    Uid: entry.uid,
    Gid: entry.gid,
    ...(entry.target === "" ? {} : { Target: shownName(entry.target) }),
  };
}
