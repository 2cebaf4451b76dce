import { expect, it } from "vitest";
import { whyNoCrlUrl } from "./crl-address.js";

const none = new Set<string>();

it.each([
  "http://crl.example.com/a.crl",
  "https://crl.example.com:8443/",
  "http://8.8.8.8/a",
  "http://[2606:4700::1]/",
])("has nothing against %s", (url) => expect(whyNoCrlUrl(url, none)).toBeUndefined());

it.each([
  ["", "is no URL"],
  ["not a url", "is no URL"],
  ["file:///etc/passwd", "neither http nor https"],
  ["ftp://crl.example.com/a", "neither http nor https"],
  ["data:,x", "neither http nor https"],
  ["https://user:secret@crl.example.com/", "user name or password"],
  ["http://127.0.0.1/a", "private address"],
  ["http://2130706433/a", "private address"],
  ["http://0x7f.1/a", "private address"],
  ["http://017700000001/a", "private address"],
  ["http://[::1]/a", "private address"],
  ["http://[::ffff:127.0.0.1]/a", "private address"],
  ["http://[::ffff:169.254.169.254]/a", "private address"],
  ["http://169.254.169.254/latest/meta-data", "private address"],
  ["http://localhost:8200/a", "private address"],
  ["http://localhost./a", "private address"],
  ["http://a.localhost/a", "private address"],
])("says why no list comes from %j", (url, reason) => {
  expect(whyNoCrlUrl(url, none)).toContain(reason);
  expect(whyNoCrlUrl(url, none)).not.toContain("secret");
});

it("lets a listed host have a private address, at that port alone", () => {
  const hosts = new Set(["127.0.0.1:8200", "localhost:80", "[::1]:443"]);
  for (const url of ["http://127.0.0.1:8200/a", "http://localhost/a", "https://[::1]/a"])
    expect(whyNoCrlUrl(url, hosts), url).toBeUndefined();
  for (const url of ["http://127.0.0.1/a", "https://127.0.0.1:8201/a", "https://localhost/a", "http://[::1]/a"])
    expect(whyNoCrlUrl(url, hosts), url).toContain("--allow-crl-host");
});
