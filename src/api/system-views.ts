/** What the engine answers about itself (Engine API 1.50). */

export interface VersionView {
  Platform: { Name: string };
  Components: { Name: string; Version: string; Details?: Record<string, string> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  Experimental?: boolean;
  BuildTime: string;
}

/** `GET /info`: the fields that clients read; see `engine/system/info.ts` for where each comes from. */
export interface InfoView {
  ID: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  /** Null for a driver that has nothing to tell (vfs). */
  DriverStatus: [string, string][] | null;
  Plugins: { Volume: string[]; Network: string[]; Authorization: string[] | null; Log: string[] };
  [field: string]: unknown;
}

export interface EventMessage {
  /** Old names of Type/Action/Actor, which old clients still read. */
  status?: string;
  id?: string;
  from?: string;
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: "local";
  /** Unix seconds and nanoseconds of the same moment. */
  time: number;
  timeNano: number;
}
