// What is measured, as it is written to the file of `--json`. Keys are only ever added.

export interface Machine {
  readonly startedAt: string;
  readonly quick: boolean;
  readonly cores: number;
  readonly memoryMiB: number;
  /** Of one minute, before the first measurement: on a machine that does something else too, nothing here counts. */
  readonly loadAverage: number;
  readonly node: string;
  readonly qemu: string;
  readonly kernel: string;
}

/** Milliseconds. A window is 0.4 s; what counts of it is the slowest write with its flush that the guest saw. */
export interface SwitchResult {
  readonly switches: number;
  readonly withoutMsMedian: number;
  readonly withoutMsMax: number;
  readonly withMsMedian: number;
  readonly withMsMax: number;
  readonly addedMsMedian: number;
  readonly addedMsMax: number;
  /** What the window right after adds: upload and merge, while the guest goes on. */
  readonly afterAddedMsMedian: number;
  /** QEMU's own account: from the command to its answer. */
  readonly stallMsMedian: number;
  readonly stallMsMax: number;
}

/** Bytes in the object store, manifest and all, for each byte of the disk that the guest changed. */
export interface AmplificationResult {
  readonly random4k: number;
  readonly sequential: number;
  readonly random4kChangedBytes: number;
  readonly random4kUploadedBytes: number;
  readonly sequentialChangedBytes: number;
  readonly sequentialUploadedBytes: number;
}

export interface Speed {
  /** MB (10^6 bytes) of the plain file in a second. */
  readonly mbPerSecond: number;
  readonly bareMbPerSecond: number;
  /** The median of the rounds' ratios: 1 is as fast as without us. */
  readonly ratioToBare: number;
}

export interface UploadResult {
  /** The file has random bytes, ... */
  readonly filesystem: Speed & { readonly compressible: Speed };
  /** ... or, as `compressible`, those of a Linux file system. */
  readonly s3: Speed & { readonly compressible: Speed };
  readonly fileBytes: number;
  /** Of a worker that has stored `peakRssLayerBytes` in one layer, among others. */
  readonly peakRssMiB: number;
  readonly peakRssLayerBytes: number;
}

/** Medians of the rounds. Bytes that QEMU, the worker and its tools moved by system calls, cached or not. */
export interface MergeCost {
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface MergeResult {
  readonly 'in-place': MergeCost;
  readonly copy: MergeCost;
  readonly 'copy-reflink': MergeCost;
  readonly historyBytes: number;
  readonly sealedBytes: number;
}

export interface RollbackCost {
  /** From the request to the end of the operation. */
  readonly seconds: number;
  readonly bytesFetched: number;
  readonly downtimeSeconds: number;
}

export interface RollbackResult {
  readonly layers: number;
  readonly newest: RollbackCost;
  readonly middle: RollbackCost;
  readonly first: RollbackCost;
}

export interface Results {
  switch?: SwitchResult;
  amplification?: AmplificationResult;
  upload?: UploadResult;
  merge?: MergeResult;
  rollback?: RollbackResult;
}
