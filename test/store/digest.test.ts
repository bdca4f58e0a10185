import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { artifactKey, canonicalJson, sha256, sha256OfFile } from '../../store/digest.ts';

// FIPS 180-2, appendix B.1.
const SHA256_OF_ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe('sha256', () => {
  test('sha256: the example of the standard', () => {
    expect(sha256('abc')).toBe(SHA256_OF_ABC);
    expect(sha256(new TextEncoder().encode('abc'))).toBe(SHA256_OF_ABC);
  });

  test('sha256OfFile: equals the digest of the bytes, with their number', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fewlabels-digest-'));
    const bytes = Buffer.alloc(3_000_001, 'fewlabels');
    await writeFile(join(folder, 'file'), bytes);
    expect(await sha256OfFile(join(folder, 'file'))).toEqual({ bytes: 3_000_001, sha256: sha256(bytes) });
    await rm(folder, { recursive: true });
  });
});

describe('canonicalJson', () => {
  test('canonicalJson: the order of keys does not count, the order of lists does', () => {
    expect(canonicalJson({ b: 1, a: { d: [2, 1], c: null } })).toBe('{"a":{"c":null,"d":[2,1]},"b":1}');
    expect(canonicalJson({ a: { c: null, d: [2, 1] }, b: 1 })).toBe(canonicalJson({ b: 1, a: { d: [2, 1], c: null } }));
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  test('canonicalJson: keys are ordered by code unit, and texts are quoted as JSON quotes them', () => {
    expect(canonicalJson({ ä: 'ü"\n', Z: 1, a: 0.1, 10: true, 9: -0 })).toBe('{"10":true,"9":0,"Z":1,"a":0.1,"ä":"ü\\"\\n"}');
  });

  test('canonicalJson: a key whose value is undefined is left out, as in JSON', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  test('canonicalJson: is read back by JSON.parse', () => {
    const value = { text: '\u2028 \ud83d\ude00', numbers: [1e21, -1.5, 1e-7, 2 ** 53], nested: [[], {}, [{}]] };
    expect(JSON.parse(canonicalJson(value))).toEqual(value);
  });

  test.each([
    ['$', Number.NaN],
    ['$.a', { a: Number.POSITIVE_INFINITY }],
    ['$[1]', [1, undefined]],
    ['$[0]', new Array(1)],
    ['$', undefined],
    ['$.f', { f: () => 1 }],
    ['$.d', { d: new Date(0) }],
    ['$.m', { m: new Map() }],
    ['$.t', { t: new Float32Array(1) }],
    ['$.n', { n: 1n }],
  ])('canonicalJson: refuses what JSON would bend, and says where: %s', (path, value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
    expect(() => canonicalJson(value)).toThrow(`${path} is `);
  });
});

describe('artifactKey', () => {
  const origin = { stage: 'shards', version: 1, slice: { size: 32 }, inputs: ['a', 'b'] };

  test('artifactKey: first 32 hex digits of the SHA-256 of the canonical origin', () => {
    // printf '{"inputs":["a","b"],"slice":{"size":32},"stage":"shards","version":1}' | sha256sum
    expect(artifactKey(origin)).toBe('2c4c35975f68d3484c5bda2d11f645e0');
  });

  test('artifactKey: depends on stage, version, slice, inputs and their order, and on nothing else', () => {
    const others = [{ stage: 'views' }, { version: 2 }, { slice: { size: 33 } }, { inputs: ['b', 'a'] }, { inputs: ['a'] }];
    const keys = others.map((change) => artifactKey({ ...origin, ...change }));
    expect(new Set([...keys, artifactKey(origin)]).size).toBe(6);
    const extended = { ...origin, facts: { loss: 1 } };
    expect(artifactKey(extended)).toBe(artifactKey(origin));
  });
});
