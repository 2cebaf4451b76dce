/** The store cannot be reached or cannot write now: nobody can tell. Repeating may help; nothing was decided. */
export class StorageUnavailable extends Error {
  override name = "StorageUnavailable";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}
