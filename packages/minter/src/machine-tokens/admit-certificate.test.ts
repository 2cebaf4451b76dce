import type { Certificate } from "@tokens/pki";
import { expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { noMetrics } from "../metrics.js";
import { certificateAdmission } from "./admit-certificate.js";

const certificate = (der: string) => ({ der: Buffer.from(der) }) as Partial<Certificate> as Certificate;

it("turns a certificate away that asks too often, and no other", () => {
  const counted: object[] = [];
  const metrics = { ...noMetrics, count: (_: string, labels: object = {}) => void counted.push(labels) };
  const admit = certificateAdmission({ count: 2, perMs: 1000 }, metrics, () => 0);
  for (const der of ["a", "a", "b"]) admit(certificate(der));
  expect(() => admit(certificate("a"))).toThrow(Unavailable);
  admit(certificate("b"));
  expect(counted).toEqual([{ reason: "certificate_rate" }]);
});

it("turns nobody away where there is no rate", () => {
  const admit = certificateAdmission(undefined, noMetrics, () => 0);
  for (let times = 0; times < 1000; times++) admit(certificate("a"));
});
