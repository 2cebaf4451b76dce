import { describe, expect, it } from "vitest";
import { KeyUnusable } from "../key-backend.js";
import { readPkcs11Uri } from "./pkcs11-uri.js";

describe("readPkcs11Uri", () => {
  it("reads token, serial, module and where the PIN is", () => {
    const uri = "pkcs11:token=My%20token;serial=0123?module-path=/usr/lib/hsm.so&pin-source=file:/etc/pin";
    expect(readPkcs11Uri(uri)).toEqual({
      modulePath: "/usr/lib/hsm.so",
      tokenLabel: "My token",
      serial: "0123",
      pinFile: "/etc/pin",
    });
  });

  it.each(["/etc/pin", "file:/etc/pin", "file:///etc/pin"])("takes the PIN's file as %s", (source) => {
    expect(readPkcs11Uri(`pkcs11:token=t?module-path=/m&pin-source=${source}`).pinFile).toBe("/etc/pin");
  });

  it.each([
    ["https://example.com", /no such URI/],
    ["pkcs11:token=t?module-path=/m?pin-source=/p", /no such URI/],
    ["pkcs11:?module-path=/m&pin-source=/p", /lacks token/],
    ["pkcs11:token=?module-path=/m&pin-source=/p", /lacks token/],
    ["pkcs11:token=t?pin-source=/p", /lacks module-path/],
    ["pkcs11:token=t?module-path=/m", /lacks pin-source/],
    ["pkcs11:token=t?module-path=/m&pin-source=pin", /not the absolute path/],
    ["pkcs11:token=t?module-path=/m&pin-source=http://x/", /not the absolute path/],
    ["pkcs11:token=t;token=u?module-path=/m&pin-source=/p", /token is there twice/],
    ["pkcs11:token=%zz?module-path=/m&pin-source=/p", /token is not percent-encoded/],
    ["pkcs11:token=t;object=key?module-path=/m&pin-source=/p", /only token, serial, module-path, pin-source/],
    ["pkcs11:token=t;loose?module-path=/m&pin-source=/p", /only token/],
  ])("refuses %s", (uri, reason) => {
    expect(() => readPkcs11Uri(uri)).toThrow(KeyUnusable);
    expect(() => readPkcs11Uri(uri)).toThrow(reason);
  });

  it("refuses a PIN in the URI, and does not repeat it", () => {
    const uri = "pkcs11:token=t?module-path=/m&pin-value=s3cret";
    expect(() => readPkcs11Uri(uri)).toThrow(/put it into a file/);
    expect(() => readPkcs11Uri(uri)).not.toThrow(/s3cret/);
  });
});
