/** Of a layer, that is read or written in one go. */
export const PIECE_BYTES = 2 ** 20;
/** Pieces under way beside the one that is waited for: a disk, or a busy host, is slow to answer each. */
export const PIECES_AHEAD = 8;
