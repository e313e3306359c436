/** Where use-cases tell what happened. Type and action are Docker's words (`container`, `start`). */
export interface EventSink {
  publish(type: string, action: string, actorId: string, attributes: Readonly<Record<string, string>>): void;
}
