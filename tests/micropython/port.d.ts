/** MicroPython for WebAssembly, as far as it is used here; the packages bring no types. */
type Port = {
  readonly FS: {
    mkdir(path: string): void;
    writeFile(path: string, data: string | Uint8Array): void;
  };
  runPython(code: string): unknown;
};

type PortOptions = {
  /** Bytes. */
  readonly heapsize: number;
  /** Whole lines go to `stdout`. */
  readonly linebuffer: boolean;
  readonly stdout: (line: string) => void;
};

declare module '@micropython/micropython-webassembly-pyscript' {
  export function loadMicroPython(options: PortOptions): Promise<Port>;
}

declare module 'micropython-oldest' {
  export function loadMicroPython(options: PortOptions): Promise<Port>;
}
