import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { PolicyFindings } from "../policies/policy-findings.js";
import { compileGroups } from "./groups.js";
import { actForProject } from "./project-header.js";

const service = "user:service@example.com";
const config = create(GroupsConfigSchema, { groups: [{ name: "auth-luci-services", members: [service] }] });
const groups = compileGroups(config, new PolicyFindings());

const codeOf = (peer: string, project: string) => {
  try {
    return actForProject(peer, project, groups);
  } catch (error) {
    return (error as { code: Code }).code;
  }
};

describe("actForProject", () => {
  it("lets LUCI's services act for a project, and still says who they are", () => {
    expect(codeOf(service, "lab-1")).toEqual({ identity: "project:lab-1", peer: service });
  });

  it.each(["user:other@example.com", "anonymous:anonymous", "bot:a.b"])("refuses %s", (peer) => {
    expect(codeOf(peer, "lab-1")).toBe(Code.PermissionDenied);
  });

  it.each(["", "Lab", "a b", "a:b", "a, b", "@internal"])("refuses the project %j", (project) => {
    expect(codeOf(service, project)).toBe(Code.Unauthenticated);
  });
});
