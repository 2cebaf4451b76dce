import { describe, expect, it } from "vitest";
import { proxyFor } from "./proxy.js";

const https = new URL("https://tokens.example.com");
const http = new URL("http://tokens.example.com:8080");
const proxy = "http://proxy.example.com:3128";

describe("proxyFor", () => {
  it.each<[string, URL, Record<string, string>, string | undefined]>([
    ["nothing when nothing is set", https, {}, undefined],
    ["HTTPS_PROXY for https", https, { HTTPS_PROXY: proxy, HTTP_PROXY: "http://other" }, `${proxy}/`],
    ["HTTP_PROXY for http", http, { HTTP_PROXY: proxy, HTTPS_PROXY: "http://other" }, `${proxy}/`],
    ["lower case too", https, { https_proxy: proxy }, `${proxy}/`],
    ["upper case first", https, { https_proxy: "http://other", HTTPS_PROXY: proxy }, `${proxy}/`],
    ["an empty value for none", https, { HTTPS_PROXY: "" }, undefined],
    ["http where no scheme is given", https, { HTTPS_PROXY: "proxy.example.com:3128" }, `${proxy}/`],
    ["a proxy that is itself https", https, { HTTPS_PROXY: "https://p.example.com" }, "https://p.example.com/"],
    ["no HTTP_PROXY in a CGI program", http, { HTTP_PROXY: proxy, REQUEST_METHOD: "GET" }, undefined],
  ])("takes %s", (_, url, environment, expected) => {
    expect(proxyFor(url, environment)?.href).toBe(expected);
  });

  it.each(["https://localhost:1", "http://127.0.0.1", "http://127.8.8.8:1", "https://[::1]:8443"])(
    "goes to %s directly",
    (url) => expect(proxyFor(new URL(url), { HTTPS_PROXY: proxy, HTTP_PROXY: proxy })).toBeUndefined(),
  );

  it.each<[string, string, boolean]>([
    ["https://tokens.example.com", "tokens.example.com", true],
    ["https://tokens.example.com", "other.example.com, Tokens.Example.com", true],
    ["https://tokens.example.com", "example.com", true],
    ["https://tokens.example.com", ".example.com", true],
    ["https://tokens.example.com", "*.example.com", true],
    ["https://tokens.example.com", "*", true],
    ["https://tokens.example.com", "tokens.example.com:443", true],
    ["https://tokens.example.com", "tokens.example.com:444", false],
    ["https://example.com", ".example.com", false],
    ["https://myexample.com", "example.com", false],
    ["https://10.1.2.3", "10.1.2.3", true],
    ["https://10.1.2.3", "10.1.2.0/24", true],
    ["https://10.1.3.3", "10.1.2.0/24", false],
    ["https://tokens.example.com", "0.0.0.0/0", false],
    ["https://[fd00::1]:1", "fd00::/8", true],
    ["https://[fd00::1]:1", "[fd00::1]:1", true],
    ["https://[fd00::1]:1", "[fd00::1]:2", false],
    ["https://[fd00::1]:1", "fd00::1", true],
    ["https://10.1.2.3", "10.1.2.3/99", false],
    ["https://10.1.2.3", "x/24", false],
  ])("reaches %s with NO_PROXY=%s directly: %s", (url, exceptions, direct) => {
    const found = proxyFor(new URL(url), { HTTPS_PROXY: proxy, NO_PROXY: exceptions });
    expect(found === undefined).toBe(direct);
  });

  it.each(["socks5://proxy.example.com", "http://user:secret@:99999"])("refuses %s, without repeating it", (value) => {
    const find = () => proxyFor(https, { HTTPS_PROXY: value });
    expect(find).toThrow(/HTTPS_PROXY/);
    expect(find).toThrow(expect.objectContaining({ message: expect.not.stringContaining("secret") as string }));
  });
});
