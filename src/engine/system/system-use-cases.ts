/** The use-cases of the engine itself, as the HTTP edge calls them. */
import type { Filters } from "../../api/filters.ts";
import type { EventMessage, InfoView, VersionView } from "../../api/system-views.ts";

export interface SystemBackend {
  version(): VersionView;
  info(): Promise<InfoView>;
  /** Past events of the window first, then live ones until `untilNs` or the signal. */
  events(
    options: { sinceNs: bigint | undefined; untilNs: bigint | undefined; filters: Filters },
    signal: AbortSignal,
  ): AsyncIterable<EventMessage>;
}
