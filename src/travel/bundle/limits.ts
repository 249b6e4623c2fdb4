/**
 * What a bundle may have at most. A bundle is a stranger's, so all of this holds before anything is written;
 * and no more is put into one, so that what was exported can be imported. Those of the age file itself are in
 * `crypto/age-file.ts`.
 */

/** Files beside the manifest and its signature. Sessions seen so far have hundreds. */
export const MAX_FILES = 10_000;

/** Bytes of the manifest: 10,000 files have 1.5 MB of names and digests. */
export const MAX_MANIFEST_BYTES = 2 * 1024 * 1024;

/** UTF-16 units of one text in the manifest. Texts that are only shown are far shorter. */
export const MAX_MANIFEST_TEXT = 16_384;

/** Entries of one list in the manifest beside its files: tools, MCP servers, what was left out. */
export const MAX_MANIFEST_ENTRIES = 10_000;

/** Bytes of one file. The largest transcript seen had 67 MB. */
export const MAX_FILE_BYTES = 2 * 1024 ** 3;

/** Bytes of a file that is one JSON object, as of a title: those of Claude Code have a few hundred. */
export const MAX_JSON_BYTES = 1024 * 1024;

/** Bytes of all files together. */
export const MAX_TOTAL_BYTES = 4 * 1024 ** 3;

/**
 * Bytes that one sealed byte may expand to, after the first megabyte. gzip reaches 1,032 for zeros, a
 * transcript 4 to 30. The writer packs what would be above it less tightly.
 */
export const MAX_RATIO = 200;

/** Bytes of one line of a transcript. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Bytes of a sealed bundle: what compresses badly, and what age, gzip and tar add. */
export const MAX_SEALED_BYTES = MAX_TOTAL_BYTES + MAX_TOTAL_BYTES / 64;
