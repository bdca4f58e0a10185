import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeImage, isNoFaultOfImage } from '../../../learning/images/decode.ts';
import { inTurn } from '../../../learning/images/in-turn.ts';
import { DECODE_BYTES } from '../../../learning/images/limits.ts';
import { UnreadableImage } from '../../../learning/images/unreadable.ts';
import { crc32 } from './bombs.ts';
import { golden, plain } from './make-sources.ts';

const fromGolden = (name: string) => readFile(join(golden, name));
const pixel = (pixels: Uint8Array, x: number, y: number, size: number) => [...pixels.subarray((y * size + x) * 3, (y * size + x) * 3 + 3)];
const reasonOf = (bytes: Buffer, size = 8) =>
  decodeImage(bytes, size).then(
    () => 'decoded',
    (error) => (error instanceof UnreadableImage ? error.reason : `not typed: ${error}`),
  );

/** Gray ramp of 16-bit samples, 4 × 4. */
const ramp = Uint16Array.from({ length: 16 }, (_, i) => i * 4369); // 0 … 65535
const ramp8 = Uint8Array.from({ length: 16 }, (_, i) => i * 17); // 4369 = 17 · 257

/** Left half red, right half blue; 8 × 8. */
const redBlue = () =>
  sharp(
    Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => ((Math.floor(i / 3) % 8 < 4 ? i % 3 === 0 : i % 3 === 2) ? 255 : 0)),
    { raw: { width: 8, height: 8, channels: 3 } },
  );

describe('decodeImage: what is right already stays', () => {
  test('decodeImage: an image of the right size comes back bit for bit', async () => {
    const noise = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 7919) % 256);
    const file = await sharp(noise, { raw: { width: 16, height: 16, channels: 3 } })
      .png()
      .toBuffer();
    expect(await decodeImage(file, 16)).toEqual(Buffer.from(noise));
  });

  test.each(['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const)('decodeImage: %s is read', async (format) => {
    const decoded = await decodeImage(await plain([200, 30, 60], 20, 12).toFormat(format, { quality: 95 }).toBuffer(), 8);
    expect(decoded).toHaveLength(8 * 8 * 3);
    [200, 30, 60].forEach((value, channel) => expect(Math.abs(pixel(decoded, 4, 4, 8)[channel]! - value)).toBeLessThanOrEqual(6));
  });
});

describe('decodeImage: everything becomes 8-bit sRGB', () => {
  test.each(['png', 'tiff'] as const)('decodeImage: 16-bit gray %s is scaled to 8 bit, not clipped', async (format) => {
    const source = sharp(ramp, { raw: { width: 4, height: 4, channels: 1 } }).toColourspace('grey16');
    const file = await (format === 'png' ? source.png() : source.tiff({ compression: 'none' })).toBuffer();
    expect((await sharp(file).metadata()).depth).toBe('ushort');
    expect(await decodeImage(file, 4)).toEqual(Buffer.from([...ramp8].flatMap((value) => [value, value, value])));
  });

  test('decodeImage: 16-bit colour keeps its channels', async () => {
    const samples = Uint16Array.from({ length: 16 * 3 }, (_, i) => [65535, 257 * 100, 0][i % 3]!);
    const file = await sharp(samples, { raw: { width: 4, height: 4, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect(pixel(await decodeImage(file, 4), 1, 2, 4)).toEqual([255, 100, 0]);
  });

  test('decodeImage: 8-bit gray becomes three equal channels', async () => {
    const file = await sharp(ramp8, { raw: { width: 4, height: 4, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect((await sharp(file).metadata()).channels).toBe(1);
    expect(pixel(await decodeImage(file, 4), 1, 1, 4)).toEqual([85, 85, 85]); // the 6th: 5 · 17
  });

  test('decodeImage: transparent parts become white, half-transparent ones half white', async () => {
    const rgba = Uint8Array.from([0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 128, 0, 0, 255, 255]);
    const decoded = await decodeImage(
      await sharp(rgba, { raw: { width: 2, height: 2, channels: 4 } })
        .png()
        .toBuffer(),
      2,
    );
    expect([pixel(decoded, 0, 0, 2), pixel(decoded, 1, 0, 2), pixel(decoded, 1, 1, 2)]).toEqual([
      [255, 255, 255],
      [255, 0, 0],
      [0, 0, 255],
    ]);
    expect(Math.abs(pixel(decoded, 0, 1, 2)[0]! - 127)).toBeLessThanOrEqual(1);
  });

  test('decodeImage: CMYK red is red', async () => {
    for (const file of [await fromGolden('cmyk.jpg'), await plain([200, 10, 40]).toColourspace('cmyk').jpeg().toBuffer()]) {
      expect((await sharp(file).metadata()).space).toBe('cmyk');
      const [red, green, blue] = pixel(await decodeImage(file, 4), 1, 1, 4);
      expect(red!).toBeGreaterThan(180);
      expect(Math.max(green!, blue!)).toBeLessThan(80);
    }
  });

  test('decodeImage: a wide-gamut profile is converted to sRGB', async () => {
    const file = await plain([200, 30, 60]).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(file, { ignoreIcc: true }).raw().toBuffer();
    expect([...stored.subarray(0, 3)]).not.toEqual([200, 30, 60]); // the same colour has other numbers in P3
    expect(pixel(await decodeImage(file, 8), 0, 0, 8)).toEqual([200, 30, 60]);
  });
});

describe('decodeImage: geometry', () => {
  test('decodeImage: EXIF orientation is applied before anything else', async () => {
    // Orientation 6 asks the viewer to turn the picture clockwise: its left becomes the top.
    const decoded = await decodeImage(
      await redBlue().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).withMetadata({ orientation: 6 }).toBuffer(),
      8,
    );
    expect(pixel(decoded, 1, 1, 8)[0]).toBeGreaterThan(240);
    expect(pixel(decoded, 6, 1, 8)[0]).toBeGreaterThan(240);
    expect(pixel(decoded, 1, 6, 8)[2]).toBeGreaterThan(240);
  });

  test('decodeImage: the middle of a wide image is kept, the shorter side fills the square', async () => {
    const sides = plain([0, 0, 255], 30, 10).composite([{ input: await plain([255, 0, 0], 10, 10).png().toBuffer(), left: 10, top: 0 }]);
    const decoded = await decodeImage(await sides.png().toBuffer(), 10);
    expect(decoded).toEqual(Buffer.from(Array.from({ length: 100 }, () => [255, 0, 0]).flat()));
  });

  test('decodeImage: small images grow', async () => {
    expect(await decodeImage(await plain([1, 2, 3], 1, 1).png().toBuffer(), 4)).toEqual(
      Buffer.from(Array.from({ length: 16 }, () => [1, 2, 3]).flat()),
    );
  });

  test('decodeImage: of an animation the first frame is taken', async () => {
    const frames = [await plain([255, 0, 0]).png().toBuffer(), await plain([0, 0, 255]).png().toBuffer()];
    const file = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await sharp(file).metadata()).pages).toBe(2);
    expect(pixel(await decodeImage(file, 8), 3, 3, 8)).toEqual([255, 0, 0]);
  });

  test('decodeImage: of a TIFF with pages the first is taken', async () => {
    const pages = [await plain([0, 255, 0]).png().toBuffer(), await plain([0, 0, 255]).png().toBuffer()];
    const file = await sharp(pages, { join: { animated: true } })
      .tiff({ compression: 'none' })
      .toBuffer();
    expect((await sharp(file).metadata()).pages).toBe(2);
    expect(pixel(await decodeImage(file, 8), 3, 3, 8)).toEqual([0, 255, 0]);
  });
});

describe('decodeImage: bitmaps (written by Pillow, golden/make.py)', () => {
  // The picture is 5 wide, 4 high, value n is 7 n mod 251; of the square the middle 4 columns stay, here columns 0 to 3.
  const value = (x: number, y: number, channel: number) => (7 * ((y * 5 + x) * 3 + channel)) % 251;

  test.each(['24-bit.bmp', '32-bit.bmp'])('decodeImage: %s has the pixels it was made from', async (name) => {
    const decoded = await decodeImage(await fromGolden(name), 4);
    const columns = [0, 1].map((left) =>
      Array.from({ length: 48 }, (_, i) => value((Math.floor(i / 3) % 4) + left, Math.floor(i / 12), i % 3)),
    );
    expect(columns).toContainEqual([...decoded]);
  });

  test('decodeImage: 8-bit.bmp goes through its palette', async () => {
    // Pillow's own gray values of the same picture, 5 × 4.
    const gray = [6, 27, 48, 69, 90, 111, 132, 153, 174, 195, 216, 237, 7, 28, 49, 70, 91, 112, 133, 154];
    const rows = [0, 1].map((left) => [0, 1, 2, 3].flatMap((y) => gray.slice(y * 5 + left, y * 5 + left + 4)).flatMap((v) => [v, v, v]));
    expect(rows).toContainEqual([...(await decodeImage(await fromGolden('8-bit.bmp'), 4))]);
  });

  test('decodeImage: a truncated bitmap is refused', async () => {
    expect(await reasonOf((await fromGolden('24-bit.bmp')).subarray(0, 100))).toBe('BMP is truncated: 100 of 118 bytes');
  });

  test('decodeImage: a bitmap that claims to be huge is refused', async () => {
    const file = Buffer.from(await fromGolden('24-bit.bmp'));
    file.writeInt32LE(2_000_000_000, 18);
    expect(await reasonOf(file)).toMatch(/out of bounds/);
  });
});

describe('decodeImage: what cannot be used says why', () => {
  test('decodeImage: a truncated JPEG is refused, not half gray', async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
    const file = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    expect(await reasonOf(file)).toBe('decoded');
    expect(await reasonOf(file.subarray(0, file.length >> 1))).toBe('it is damaged, ends early, or is of an unusual kind');
  });

  test.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)(
    'decodeImage: a %s cut short has one reason, whatever is decoded beside it',
    async (format) => {
      const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
      const file = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
        .toFormat(format)
        .toBuffer();
      const cuts = Array.from({ length: 24 }, (_, i) => file.subarray(0, 12 + Math.floor(((file.length - 52) * i) / 23)));
      expect(new Set(await Promise.all(cuts.map((cut) => reasonOf(cut))))).toEqual(
        new Set(['it is damaged, ends early, or is of an unusual kind']),
      );
    },
  );

  test('isNoFaultOfImage: a machine without memory and a mistake of ours are no fault of the image', () => {
    expect(isNoFaultOfImage(new Error('vips_tracked: out of memory -- size == 4096MB'))).toBe(true); // libvips 8.18
    expect(isNoFaultOfImage(new TypeError('x is not a function'))).toBe(true);
    expect(isNoFaultOfImage(new Error('VipsJpeg: premature end of JPEG image'))).toBe(false);
  });

  test('decodeImage: text is refused', async () => {
    expect(await reasonOf(Buffer.from('this is no picture'))).toMatch(/not an image of a known format/);
  });

  test('decodeImage: SVG text under another name is refused', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';
    for (const text of [
      svg,
      `<?xml version="1.0"?>\n<!-- ${'x'.repeat(500)} -->${svg}`,
      `GIF89a<!-- no GIF, but text of some length -->${svg}`,
    ])
      expect(await reasonOf(Buffer.from(text))).not.toMatch(/^(decoded|its format)/);
  });

  test.each(['P6 1 1 255 abc', '%PDF-1.4', '#?RADIANCE\n', 'v/1\x01'])(
    'decodeImage: %j, another format of libvips, is not even looked at',
    async (text) => {
      expect(await reasonOf(Buffer.from(text, 'latin1'))).toBe('it is not an image of a known format');
    },
  );

  test('decodeImage: an empty file is refused', async () => {
    expect(await reasonOf(Buffer.alloc(0))).toBe('the file is empty');
  });

  test('decodeImage: float samples are refused, as their white is unknown', async () => {
    expect(await reasonOf(await fromGolden('float.tiff'))).toBe('its samples must be unsigned 8 or 16 bit: float');
  });
});

describe('decodeImage: bombs', () => {
  /** Of one colour: some ten kilobytes, whatever its size. */
  const large = (width: number, height: number) => plain([9, 9, 9], width, height).png({ compressionLevel: 9 }).toBuffer();

  test('decodeImage: an image of more pixels than any camera has is refused by its header', async () => {
    const header = Buffer.from(await large(8, 8));
    header.writeUInt32BE(14_000, 16);
    header.writeUInt32BE(14_000, 20);
    header.writeUInt32BE(crc32(header.subarray(12, 29)), 29);
    expect(await reasonOf(header)).toBe('it has more than 160000000 pixels');
  });

  test('decodeImage: an endless line of pixels is squared, or refused with a reason', async () => {
    expect(await decodeImage(await large(1, 100_000), 8)).toHaveLength(8 * 8 * 3);
    expect(await decodeImage(await large(100_000, 1), 8)).toHaveLength(8 * 8 * 3);
    expect(await reasonOf(await large(1, 156_249), 64)).toBe('decoded');
    expect(await reasonOf(await large(156_250, 1), 64)).toBe('it is too narrow to be made square: 156250 by 1 pixels'); // 10 million
  });

  test('inTurn: small images are read side by side, a large one alone, and none is passed over', async () => {
    const [log, ends]: [string[], (() => void)[]] = [[], []];
    const begin = (name: string, bytes: number) =>
      inTurn(bytes, async () => {
        log.push(name);
        await new Promise<void>((end) => ends.push(end));
        log.push(`${name} done`);
      });
    const works = [begin('a', 1000), begin('b', 1000), begin('large', DECODE_BYTES), begin('c', 1000)];
    await setImmediate();
    expect(log).toEqual(['a', 'b']);
    for (let i = 0; i < 4; i++) {
      ends[i]?.();
      await setImmediate();
    }
    await Promise.all(works);
    expect(log).toEqual(['a', 'b', 'a done', 'b done', 'large', 'large done', 'c', 'c done']);
  });

  test('inTurn: work that fails lets the next begin', async () => {
    await expect(inTurn(DECODE_BYTES, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await inTurn(DECODE_BYTES, async () => 'next')).toBe('next');
  });
});
