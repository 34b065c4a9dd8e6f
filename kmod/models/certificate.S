/* SPDX-License-Identifier: GPL-2.0 */
/* Certificate that `make LLAMUX_CERT=FILE` names, or nothing. */
	.section .rodata, "a", %progbits
	.globl llamux_certificate
llamux_certificate:
#ifdef LLAMUX_CERT
	.incbin LLAMUX_CERT
#endif
	.globl llamux_certificate_end
llamux_certificate_end:
