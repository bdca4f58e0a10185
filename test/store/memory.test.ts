import { openMemory } from '../../store/memory.ts';
import { conformance } from './conformance.ts';

conformance('memory store', async () => openMemory());
