/** Imported before TensorFlow by what works on the CPU: on a machine with a GPU it would take hold of it, and of all its memory. */
process.env.CUDA_VISIBLE_DEVICES = '-1';
