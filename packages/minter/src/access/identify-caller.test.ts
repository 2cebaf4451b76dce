import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { PolicyFindings } from "../policies/policy-findings.js";
import { compileGroups } from "./groups.js";
import { identifyCaller } from "./identify-caller.js";

const service = "user:service@example.com";
const config = create(GroupsConfigSchema, { groups: [{ name: "auth-luci-services", members: [service] }] });
const groups = compileGroups(config, new PolicyFindings());

const identify = (peer: string | undefined, headers: Record<string, string> = {}) =>
  identifyCaller(
    { headers: new Headers(headers), clientCertificate: undefined, nowMs: 0 },
    { kinds: [{ identify: async () => peer }], groups: () => groups },
  );

describe("identifyCaller", () => {
  it("takes the peer for the caller", async () => {
    expect(await identify("bot:a.b")).toEqual({ identity: "bot:a.b", peer: "bot:a.b" });
    expect(await identify(undefined)).toEqual({ identity: "anonymous:anonymous", peer: "anonymous:anonymous" });
  });

  it("lets a LUCI service act for a project, and nobody else", async () => {
    const headers = { "x-luci-project": "lab" };
    expect(await identify(service, headers)).toEqual({ identity: "project:lab", peer: service });
    await expect(identify("user:eve@example.com", headers)).rejects.toMatchObject({ code: Code.PermissionDenied });
    await expect(identify(undefined, headers)).rejects.toMatchObject({ code: Code.PermissionDenied });
  });

  it("does not take a call with a delegation token for one without", async () => {
    const headers = { "x-delegation-token-v1": "anything" };
    await expect(identify(service, headers)).rejects.toMatchObject({ code: Code.Unauthenticated });
  });
});
