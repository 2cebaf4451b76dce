import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  ListKeysResponseSchema,
  type Operator,
  RotateKeyResponseSchema,
  type SigningKey,
  SigningKeySchema,
  TaintKeyResponseSchema,
} from "@tokens/api/admin";
import type { Recorder } from "../audit/recorder.js";
import { refuseCall, Unavailable } from "../errors.js";
import { callFacts } from "../rpc/call-facts.js";
import { operatorOf } from "../rpc/require-admin.js";
import { KEY_PURPOSES } from "./key-store.js";
import type { KeyStatus, SigningKeys } from "./signing-keys.js";

/** Where it is recorded what became of which key. */
export interface KeyRecords {
  readonly recorder: Recorder;
  readonly serviceVersion: string;
}

/** The RPCs ListKeys, RotateKey and TaintKey. Beside the call, the last two record the key that they were about. */
export function keysRpcs(
  keys: SigningKeys,
  records: KeyRecords,
): Pick<ServiceImpl<typeof Operator>, "listKeys" | "rotateKey" | "taintKey"> {
  return {
    listKeys: async () => {
      await keys.refresh();
      return create(ListKeysResponseSchema, { keys: keys.list().map(messageOf) });
    },
    rotateKey: async ({ purpose: wanted }, context) => {
      const purpose = KEY_PURPOSES.find((known) => known === (wanted || "tokens"));
      if (!purpose) {
        throw refuseCall(Code.InvalidArgument, `no such purpose; there are ${KEY_PURPOSES.join(", ")}`);
      }
      const key = await keys.rotate(purpose);
      if (!key) throw new Unavailable("the next key is not known yet");
      await recordKey(key, context, records);
      return create(RotateKeyResponseSchema, { key: messageOf(key) });
    },
    taintKey: async ({ keyId }, context) => {
      const key = await keys.taint(keyId);
      if (!key) throw refuseCall(Code.NotFound, `there is no key ${JSON.stringify(keyId)}`);
      await recordKey(key, context, records);
      return create(TaintKeyResponseSchema, { key: messageOf(key) });
    },
  };
}

/** Key ids and purposes are public: they are in every certificate. */
function recordKey(
  { keyId, purpose, state }: KeyStatus,
  { values, requestHeader: headers, method }: HandlerContext,
  { recorder, serviceVersion }: KeyRecords,
): Promise<void> {
  const facts = callFacts({ values, headers }, serviceVersion);
  const columns = { method: method.name, caller: operatorOf(values), key_id: keyId, purpose, state, ...facts };
  return recorder.record({ kind: "operation", columns });
}

function messageOf({ keyId, purpose, state, backend, createdAtMs, signsFromMs, taintedAtMs }: KeyStatus): SigningKey {
  return create(SigningKeySchema, {
    keyId,
    purpose,
    state,
    backend,
    created: timestampFromMs(createdAtMs),
    signsFrom: timestampFromMs(signsFromMs),
    ...(taintedAtMs === undefined ? {} : { tainted: timestampFromMs(taintedAtMs) }),
  });
}
