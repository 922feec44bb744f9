/* SPDX-License-Identifier: MIT
 *
 * stubs: every exported symbol, one entry each, from ops.def.
 *
 * An entry asks one byte whether anybody is interested in its operation. If not, it jumps to
 * the next definition of the same name with every register and the stack as the caller left
 * them: variadic functions, vfork, and functions that never return are all served alike, and
 * no frame of ours is on the stack while libc runs. That is the whole of C9's price per call.
 *
 * If somebody is, or if the next definition is not known yet, stub_slow saves the argument
 * registers and calls engine_enter(symbol, registers). It answers either with a value to
 * return or with the address to jump on to.
 *
 * System V AMD64 psABI: rdi rsi rdx rcx r8 r9 and xmm0-7 carry arguments, al the number of
 * vector registers of a variadic call, r11 is free between caller and callee.
 */
#include <features.h>

#define REGS_SIZE 0xd0
#define REGS_RAX 0x30
#define REGS_XMM 0x40

	.text

#define OP(id, family, opcode) \
	.set op_##id, op_next; \
	.set op_next, op_next + 1;
	.set op_next, 0
#include "ushim/ops.def"

	.set sym_next, 0

	.macro STUB name, op
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	cmpb	$0, ushim_armed+\op(%rip)
	jne	1f
	movq	ushim_real+8*sym_next(%rip), %r11
	testq	%r11, %r11
	je	1f
	jmp	*%r11
1:	movl	$sym_next, %r11d
	jmp	stub_slow
	.cfi_endproc
	.size	\name, . - \name
	.set	sym_next, sym_next + 1
	.endm

#define SYM(name, op) STUB name, op_##op;
#include "ushim/ops.def"

	.type	stub_slow, @function
	.p2align 4
stub_slow:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	subq	$REGS_SIZE, %rsp
	movq	%rdi, 0x00(%rsp)
	movq	%rsi, 0x08(%rsp)
	movq	%rdx, 0x10(%rsp)
	movq	%rcx, 0x18(%rsp)
	movq	%r8, 0x20(%rsp)
	movq	%r9, 0x28(%rsp)
	movq	%rax, REGS_RAX(%rsp)
	movaps	%xmm0, REGS_XMM+0x00(%rsp)
	movaps	%xmm1, REGS_XMM+0x10(%rsp)
	movaps	%xmm2, REGS_XMM+0x20(%rsp)
	movaps	%xmm3, REGS_XMM+0x30(%rsp)
	movaps	%xmm4, REGS_XMM+0x40(%rsp)
	movaps	%xmm5, REGS_XMM+0x50(%rsp)
	movaps	%xmm6, REGS_XMM+0x60(%rsp)
	movaps	%xmm7, REGS_XMM+0x70(%rsp)
	movl	%r11d, %edi
	movq	%rsp, %rsi
	call	engine_enter
	testq	%rdx, %rdx
	jne	2f
	leave
	.cfi_remember_state
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret
	.cfi_restore_state
2:	movq	%rdx, %r11
	movq	0x00(%rsp), %rdi
	movq	0x08(%rsp), %rsi
	movq	0x10(%rsp), %rdx
	movq	0x18(%rsp), %rcx
	movq	0x20(%rsp), %r8
	movq	0x28(%rsp), %r9
	movq	REGS_RAX(%rsp), %rax
	movaps	REGS_XMM+0x00(%rsp), %xmm0
	movaps	REGS_XMM+0x10(%rsp), %xmm1
	movaps	REGS_XMM+0x20(%rsp), %xmm2
	movaps	REGS_XMM+0x30(%rsp), %xmm3
	movaps	REGS_XMM+0x40(%rsp), %xmm4
	movaps	REGS_XMM+0x50(%rsp), %xmm5
	movaps	REGS_XMM+0x60(%rsp), %xmm6
	movaps	REGS_XMM+0x70(%rsp), %xmm7
	leave
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	jmp	*%r11
	.cfi_endproc
	.size	stub_slow, . - stub_slow

	.section .note.GNU-stack, "", @progbits
