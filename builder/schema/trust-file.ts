import { z } from './schema.ts';

/** What a key can be trusted for: the images that devices run, and the manifests of releases. */
export const TRUST_ROLES = ['image', 'manifest'] as const;
export type TrustRole = (typeof TRUST_ROLES)[number];

const digest = z
  .string('expected the digest that ota-build keys digest prints')
  .regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits')
  .describe('SHA-256 of the public key as eFuse holds it (espsecure digest-sbv2-public-key).');
const date = (what: string) =>
  z.iso.date('expected a date, such as 2026-03-01').describe(`${what} From 00:00 UTC of that day.`);

const plainKey = z.strictObject({
  digest,
  comment: z.string().optional().describe('For people.'),
});

const trustedKey = z
  .strictObject({
    digest,
    roles: z
      .array(z.enum(TRUST_ROLES, 'expected image or manifest'))
      .min(1, 'expected at least one of image and manifest')
      .describe('What its signatures count for.'),
    from: date('Its signatures count from this day on; unsaid, always.').optional(),
    revoked: date('Its signatures count no longer, whenever they were made.').optional(),
    why: z.string().min(1).optional().describe('Why it was revoked.'),
    comment: z.string().optional().describe('For people.'),
  })
  .refine(({ revoked, why }) => (revoked === undefined) === (why === undefined), {
    message: 'revoked and why go together: the day, and the reason that refusals quote',
  });

const AT_LEAST_ONE = 'expected at least one key';

export const trustFileSchema = z
  .discriminatedUnion(
    'schema',
    [
      z
        .strictObject({ schema: z.literal(1), keys: z.array(plainKey).min(1, AT_LEAST_ONE) })
        .describe('The older form: every key counts for everything, always.'),
      z.strictObject({
        schema: z.literal(2).describe('Version of this format.'),
        keys: z
          .array(trustedKey)
          .min(1, AT_LEAST_ONE)
          .describe('A key may be listed several times, but only once for each role.')
          .superRefine((keys, context) => {
            const seen = new Set<string>();
            for (const [index, key] of keys.entries()) {
              for (const role of key.roles) {
                const entry = `${key.digest} ${role}`;
                if (seen.has(entry))
                  context.addIssue({
                    code: 'custom',
                    path: [index, 'roles'],
                    message: `this key is listed twice for ${role}: which of them should hold?`,
                  });
                seen.add(entry);
              }
            }
          }),
      }),
    ],
    'expected schema: 2 (or 1), the version of this format',
  )
  .meta({ title: 'ota-build trust file (keys/trust.yaml)' });

/** A trust.yaml as it is written. */
export type TrustFile = z.infer<typeof trustFileSchema>;
/** A key of a trust.yaml, of either version. */
export type TrustFileKey = z.infer<typeof trustedKey>;

/** The keys of a trust.yaml, in the words of version 2. */
export function keysOfTrustFile(file: TrustFile): readonly TrustFileKey[] {
  return file.schema === 2
    ? file.keys
    : file.keys.map((key) => ({ ...key, roles: [...TRUST_ROLES] }));
}

/** The JSON Schema (draft 2020-12) of a trust.yaml, for editors and other readers. */
export function trustFileJsonSchema(): unknown {
  return z.toJSONSchema(trustFileSchema, { target: 'draft-2020-12', io: 'input' });
}
