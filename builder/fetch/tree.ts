/** A published tree, wherever it is. Paths are below its root, a name for each level. */
export type Tree = {
  /** As messages show it. */
  readonly name: string;
  /** What the tree is remembered by: the same for every way to write its name. */
  readonly identity: string;
  /** Set where anybody on the way could change what arrives. */
  readonly isOpenToAll: boolean;
  /** A whole small file; undefined when it is not there. Throws FetchError, also for more than `limit` bytes. */
  readonly read: (path: TreePath, limit: number) => Promise<Buffer | undefined>;
  /** The bytes of a file of `size` bytes from `from` on, never more than `size`. Throws FetchError. */
  readonly open: OpenFile;
  /** Names of the directories at the root, where they can be listed. */
  readonly targets: () => Promise<readonly string[]>;
};

export type TreePath = readonly string[];
export type OpenFile = (
  path: TreePath,
  range: { readonly from: number; readonly size: number },
) => AsyncIterable<Uint8Array>;
