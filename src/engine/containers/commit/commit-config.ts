import type { ContainerConfig } from "../../../api/container-config.ts";
import type { ImageConfig } from "../../../oci/image-config.ts";

/** `sha256:…` of a tar without members: a container that changed nothing. Docker adds no layer for it (moby layer.IsEmpty). */
export const EMPTY_LAYER = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

export interface CommittedImage {
  readonly parent: ImageConfig;
  readonly containerId: string;
  readonly containerConfig: ContainerConfig;
  readonly config: ContainerConfig;
  readonly author: string;
  readonly comment: string;
  readonly at: Date;
  readonly version: string;
  readonly diffId: string;
}

/**
 * The config blob of an image made of a container (moby image.NewChildImage). The order of the keys is part of the image's id.
 */
export function committedConfigBytes(image: CommittedImage): Uint8Array {
  const { parent, author, comment } = image;
  const created = image.at.toISOString();
  const isEmpty = image.diffId === EMPTY_LAYER;
  const document = {
    architecture: parent.architecture,
    variant: parent.variant,
    ...(author === "" ? {} : { author }),
    ...(comment === "" ? {} : { comment }),
    config: image.config,
    container: image.containerId,
    container_config: image.containerConfig,
    created,
    docker_version: image.version,
    history: [
      ...(parent.history ?? []),
      {
        created,
        ...(author === "" ? {} : { author }),
        created_by: wordsOf(image.containerConfig.Cmd).join(" "),
        ...(comment === "" ? {} : { comment }),
        ...(isEmpty ? { empty_layer: true } : {}),
      },
    ],
    os: parent.os,
    rootfs: {
      type: "layers",
      diff_ids: isEmpty ? parent.rootfs.diff_ids : [...parent.rootfs.diff_ids, image.diffId],
    },
  };
  return new TextEncoder().encode(JSON.stringify(document));
}

function wordsOf(command: string[] | string | null | undefined): readonly string[] {
  if (command === null || command === undefined) return [];
  return typeof command === "string" ? [command] : command;
}
