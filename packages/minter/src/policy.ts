export { readCertificatePolicy } from "./certificate-authorities/certificate-policy.js";
export { type CompiledPolicy, compilePolicy, type Policy, type PolicyContext } from "./policies/compile-policy.js";
export { policyFolder } from "./policies/policy-folder.js";
export { describeProblem, PolicyError, type PolicyProblem } from "./policies/policy-problem.js";
export { policyOfFiles, type PolicySource } from "./policies/policy-reader.js";
