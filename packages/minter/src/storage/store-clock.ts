import { type RawBuilder, sql } from "kysely";
import type { Engine } from "./tables.js";

/** Milliseconds of the store's own clock. */
export function storeClock(engine: Engine): RawBuilder<number> {
  return engine === "postgres"
    ? sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`
    : sql<number>`cast(unixepoch('subsec') * 1000 as integer)`;
}
