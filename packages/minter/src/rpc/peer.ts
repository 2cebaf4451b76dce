import { type ContextKey, createContextKey } from "@connectrpc/connect";

/** The address of the other end of the connection, empty when there is none (as in tests without a network). */
export const peerAddressKey: ContextKey<string> = createContextKey("", { description: "address of the peer" });
