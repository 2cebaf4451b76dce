import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { Operator, type SigningKey } from "@tokens/api/admin";
import { connectTo } from "./admin-client.js";

/** What the keys commands were asked. */
export interface KeysSource {
  readonly server?: string;
  readonly purpose?: string;
  readonly json?: true;
}

/** Prints all keys. */
export async function listKeys(source: KeysSource): Promise<void> {
  const { keys } = await operator(source).listKeys({});
  for (const key of keys) print(key, source);
}

/** Publishes the next key of a purpose, and prints it. */
export async function rotateKey(source: KeysSource): Promise<void> {
  const { key } = await operator(source).rotateKey({ purpose: source.purpose ?? "" });
  if (key) print(key, source);
}

/** Taints a key, and prints it. */
export async function taintKey(keyId: string, source: KeysSource): Promise<void> {
  const { key } = await operator(source).taintKey({ keyId });
  if (key) print(key, source);
}

function operator({ server }: KeysSource) {
  return createClient(Operator, connectTo(server));
}

function print(
  { keyId, purpose, state, backend, created, signsFrom, tainted }: SigningKey,
  { json }: KeysSource,
): void {
  const time = (stamp: typeof created) => (stamp ? timestampDate(stamp).toISOString() : undefined);
  const row = {
    keyId,
    purpose,
    state,
    backend,
    created: time(created),
    signsFrom: time(signsFrom),
    tainted: time(tainted),
  };
  const sentence = `${keyId}  ${purpose.padEnd(6)}  ${state.padEnd(7)}  signs from ${row.signsFrom}  ${backend}`;
  process.stdout.write(`${json ? JSON.stringify(row) : sentence}\n`);
}
