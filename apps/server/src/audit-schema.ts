import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import {
  DelegationTokenSchema,
  MachineTokenSchema,
  ProjectTokenSchema,
  ServiceAccountTokenSchema,
} from "@tokens/api/audit";
import { UsageError } from "./exit-code.js";

/** LUCI's four tables by name. */
const TABLES: Readonly<Record<string, DescMessage>> = {
  machine_tokens: MachineTokenSchema,
  delegation_tokens: DelegationTokenSchema,
  project_tokens: ProjectTokenSchema,
  service_account_tokens: ServiceAccountTokenSchema,
};

/** A column as BigQuery describes it. */
interface Column {
  readonly name: string;
  readonly type: "STRING" | "INTEGER" | "TIMESTAMP";
  readonly mode: "NULLABLE" | "REPEATED";
}

/** The columns of a message: enums by name, so as text; the only messages in it are times. */
export function columnsOf(message: DescMessage): Column[] {
  return message.fields.map((field) => ({
    name: field.name,
    type: typeOf(field),
    mode: field.fieldKind === "list" ? "REPEATED" : "NULLABLE",
  }));
}

function typeOf({ message, scalar }: DescField): Column["type"] {
  if (message) return "TIMESTAMP";
  return scalar === ScalarType.INT64 ? "INTEGER" : "STRING";
}

/** Prints one JSON object: table → columns, or the columns of one table as `bq mk --schema` takes them. */
export function printSchema(table: string | undefined): void {
  if (table !== undefined && !Object.hasOwn(TABLES, table)) {
    throw new UsageError(`no such table ${JSON.stringify(table)}; there are ${Object.keys(TABLES).join(", ")}`);
  }
  const all = Object.entries(TABLES).map(([name, message]) => [name, columnsOf(message)] as const);
  const schema = table === undefined ? Object.fromEntries(all) : all.find(([name]) => name === table)?.[1];
  process.stdout.write(`${JSON.stringify(schema)}\n`);
}
