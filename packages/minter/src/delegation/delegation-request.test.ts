import { create } from "@bufbuild/protobuf";
import { MintDelegationTokenRequestSchema } from "@tokens/api";
import { expect, it } from "vitest";
import { entriesOf } from "../access/identity-set.js";
import { checkDelegationRequest, checkNamedDelegationRequest } from "./delegation-request.js";

/** The services that a request for these comes to, and the URLs that were asked about on the way. */
async function servicesOf(services: string[]) {
  const asked: string[] = [];
  const resolve = (urls: readonly string[]) => {
    asked.push(...urls);
    return Promise.resolve(urls.map((url) => `service:${new URL(url).hostname}`));
  };
  const request = create(MintDelegationTokenRequestSchema, {
    delegatedIdentity: "REQUESTOR",
    audience: ["REQUESTOR"],
    services,
  });
  const outcome = await checkDelegationRequest(request, "user:a@example.com", resolve).then(
    ({ query }) => entriesOf(query.services),
    (error: Error) => error.message,
  );
  return { outcome, asked };
}

it("puts services in the place of their URLs, among those that are named", async () => {
  const urls = ["https://z.example.com", "https://A.example.com"];
  expect(await servicesOf([...urls, "service:named", "service:a.example.com"])).toEqual({
    outcome: ["service:a.example.com", "service:named", "service:z.example.com"],
    asked: urls,
  });
  expect(await servicesOf(["https://z.example.com"])).toMatchObject({ outcome: ["service:z.example.com"] });
});

it("asks about no URL when all services are meant", async () => {
  expect(await servicesOf(["https://a.example.com", "*"])).toEqual({ outcome: ["*"], asked: [] });
});

it("may have 64 entries in each list", async () => {
  const named = Array.from({ length: 64 }, (_, index) => `service:${index}`);
  expect(await servicesOf(named)).toEqual({ outcome: named.toSorted(), asked: [] });
  const audience = Array.from({ length: 64 }, (_, index) => `user:${index}@example.com`);
  const list = { delegatedIdentity: "REQUESTOR", audience, services: ["*"] };
  const { query } = checkNamedDelegationRequest(create(MintDelegationTokenRequestSchema, list), "user:a@example.com");
  expect(entriesOf(query.audience)).toEqual(audience.toSorted());
});

it("has no group without a name in its audience", () => {
  const nameless = { delegatedIdentity: "REQUESTOR", audience: ["group:"], services: ["*"] };
  const request = create(MintDelegationTokenRequestSchema, nameless);
  expect(() => checkNamedDelegationRequest(request, "user:a@example.com")).toThrow('bad group entry "group:"');
});

it("cannot name a service by its URL where none is asked, unless all are meant", () => {
  const check = (...services: string[]) => {
    const named = { delegatedIdentity: "REQUESTOR", audience: ["REQUESTOR"], services };
    return checkNamedDelegationRequest(create(MintDelegationTokenRequestSchema, named), "user:a@example.com").query;
  };
  expect(entriesOf(check("service:a").services)).toEqual(["service:a"]);
  expect(entriesOf(check("https://a.example.com", "*").services)).toEqual(["*"]);
  expect(() => check("https://a.example.com", "service:a")).toThrow('"https://a.example.com" to service ID');
});

it.each([
  ["a group", ["https://a.example.com", "group:g"], /can't specify groups/],
  ["no service", ["https://a.example.com", "user:a@example.com"], /is not a service ID/],
  ["another case of https", ["https://a.example.com", "HTTPS://b.example.com"], /is not an identity/],
  ["http", ["https://a.example.com", "http://b.example.com"], /is not an identity/],
  ["nothing", [], /'services' is required/],
  ["too much", Array.from({ length: 65 }, (_, index) => `https://${index}.example.com`), /more than 64 entries/],
])("asks about no URL when another entry is %s", async (_, services, message) => {
  expect(await servicesOf(services)).toEqual({ outcome: expect.stringMatching(message), asked: [] });
});
