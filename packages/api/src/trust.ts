export {
  type Revocation,
  RevocationSchema,
  type RevokedCertificate,
  RevokedCertificateSchema,
  type SignedTrustBundle,
  SignedTrustBundleSchema,
  type SigningKey,
  SigningKeySchema,
  type TrustBundle,
  TrustBundleSchema,
} from "./gen/tokenserver/trust/v1/trust_bundle_pb.js";
