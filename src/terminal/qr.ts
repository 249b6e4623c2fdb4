import qrcode from 'qrcode-terminal';

/** `text` as a QR code in half-block characters, ready to print. */
export function drawQr(text: string): string {
  let drawn = '';
  qrcode.generate(text, { small: true }, (code) => {
    drawn = code;
  });
  return drawn;
}
