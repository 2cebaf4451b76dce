import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import {
  ListKeysResponseSchema,
  type Operator,
  RotateKeyResponseSchema,
  type SigningKey,
  SigningKeySchema,
  TaintKeyResponseSchema,
} from "@tokens/api/admin";
import { refuseCall, Unavailable } from "../errors.js";
import { KEY_PURPOSES } from "./key-store.js";
import type { KeyStatus, SigningKeys } from "./signing-keys.js";

/** The RPCs ListKeys, RotateKey and TaintKey. */
export function keysRpcs(keys: SigningKeys): Pick<ServiceImpl<typeof Operator>, "listKeys" | "rotateKey" | "taintKey"> {
  return {
    listKeys: async () => {
      await keys.refresh();
      return create(ListKeysResponseSchema, { keys: keys.list().map(messageOf) });
    },
    rotateKey: async ({ purpose: wanted }) => {
      const purpose = KEY_PURPOSES.find((known) => known === (wanted || "tokens"));
      if (!purpose) {
        throw refuseCall(Code.InvalidArgument, `no such purpose; there are ${KEY_PURPOSES.join(", ")}`);
      }
      const key = await keys.rotate(purpose);
      if (!key) throw new Unavailable("the next key is not known yet");
      return create(RotateKeyResponseSchema, { key: messageOf(key) });
    },
    taintKey: async ({ keyId }) => {
      const key = await keys.taint(keyId);
      if (!key) throw refuseCall(Code.NotFound, `there is no key ${JSON.stringify(keyId)}`);
      return create(TaintKeyResponseSchema, { key: messageOf(key) });
    },
  };
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
