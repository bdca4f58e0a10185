/** NumPy arrays whose headers say what a test wants, true or not. */

/** @param type  NumPy's name, such as `|u1` @param shape  as it stands between the brackets, such as `8, 28, 28` */
export function npy(shape: string, data: Uint8Array, type = '|u1'): Uint8Array {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([118, 0]), Buffer.from(`${text}\n`), data]);
}
