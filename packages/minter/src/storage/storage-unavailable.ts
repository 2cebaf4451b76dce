import { Unavailable } from "../errors.js";

/** The store cannot be reached or cannot write now: nobody can tell. Repeating may help; nothing was decided. */
export class StorageUnavailable extends Unavailable {
  override name = "StorageUnavailable";

  constructor(detail: string, cause?: unknown) {
    super("the server's storage is not available now", detail, cause);
  }
}
