import type { RegistrySettings } from "./registry-settings.ts";

/** The settings that are in force. Replacing them is one assignment: a call under way ends with those it began with. */
export class RegistryHosts {
  #settings: RegistrySettings;
  readonly #listeners: ((settings: RegistrySettings) => void)[] = [];

  constructor(settings: RegistrySettings) {
    this.#settings = settings;
  }

  get settings(): RegistrySettings {
    return this.#settings;
  }

  replace(settings: RegistrySettings): void {
    this.#settings = settings;
    for (const listener of this.#listeners) listener(settings);
  }

  /** For as long as this object lives. */
  onReplace(listener: (settings: RegistrySettings) => void): void {
    this.#listeners.push(listener);
  }
}
