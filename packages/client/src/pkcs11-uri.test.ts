import { describe, expect, it } from "vitest";
import { MachineKeyError } from "./errors.js";
import { readPkcs11Uri } from "./pkcs11-uri.js";

describe("readPkcs11Uri", () => {
  it("reads which key of which token", () => {
    expect(readPkcs11Uri("pkcs11:token=My%20token;object=machine%C3%A9?module-path=/usr/lib/hsm.so")).toEqual({
      modulePath: "/usr/lib/hsm.so",
      token: "My token",
      object: "machineé",
      id: undefined,
    });
    expect(readPkcs11Uri("pkcs11:token=t;id=%01%ffA?module-path=/m").id).toEqual(Buffer.of(1, 0xff, 0x41));
  });

  it.each([
    ["https://example.com", /no such URI/],
    ["pkcs11:token=t?module-path=/m?x=y", /no such URI/],
    ["pkcs11:object=o?module-path=/m", /lacks token/],
    ["pkcs11:token=t;object=o", /lacks module-path/],
    ["pkcs11:token=t?module-path=/m", /lacks object or id/],
    ["pkcs11:token=t;token=u;object=o?module-path=/m", /twice/],
    ["pkcs11:token=%zz;object=o?module-path=/m", /percent-encoded/],
    ["pkcs11:token=t;object=o;slot-id=1?module-path=/m", /only token, object, id, module-path/],
    ["pkcs11:loose?module-path=/m", /only token/],
  ])("refuses %s", (uri, reason) => {
    expect(() => readPkcs11Uri(uri)).toThrow(MachineKeyError);
    expect(() => readPkcs11Uri(uri)).toThrow(reason);
  });

  it.each(["pin-value=s3cret", "pin-source=s3cret"])("refuses a PIN in the URI, and does not repeat it: %s", (pin) => {
    const read = () => readPkcs11Uri(`pkcs11:token=t;object=o?module-path=/m&${pin}`);
    expect(read).toThrow(/a PIN does not belong/);
    expect(read).toThrow(expect.objectContaining({ message: expect.not.stringContaining("s3cret") as string }));
  });
});
