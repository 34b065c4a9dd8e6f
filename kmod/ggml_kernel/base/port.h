/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Functions and types that the core takes from its environment
 *
 * The core is compiled twice from the same files: into llamux.ko and into a
 * userspace library. Only this header distinguishes the two. Besides the
 * fixed-width types it names every outside function that the core may call: memcpy,
 * memmove, memset, memcmp, strcmp, strlen, snprintf and vsnprintf.
 *
 * The core allocates nothing, logs nothing and uses no floating point.
 */
#ifndef LLAMA_PORT_H
#define LLAMA_PORT_H

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/types.h>

#include <linux/sched.h>

/* A condition that must hold. Its failure does no immediate harm. */
#define llama_assert(condition) WARN_ON_ONCE(!(condition))

/* Let other tasks run, within long work. */
#define llama_resched() cond_resched()

/* Vector registers are used between llama_simd_begin() and _end() only, without sleeping. */
#if defined(CONFIG_X86_64)
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#define LLAMA_X86_SIMD
#ifdef CONFIG_UML
/* The host's kernel saves the registers of every processor feature that it reports. */
#define llama_cpu_saves_ymm() true
#define llama_cpu_saves_zmm() true
#else
#define llama_cpu_saves_ymm() cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL)
#define llama_cpu_saves_zmm() (llama_cpu_saves_ymm() && \
			       cpu_has_xfeatures(XFEATURE_MASK_AVX512, NULL))
#endif
#define llama_cpu_has_avx2() (boot_cpu_has(X86_FEATURE_AVX2) && llama_cpu_saves_ymm())
#define llama_cpu_has_avxvnni() (boot_cpu_has(X86_FEATURE_AVX_VNNI) && llama_cpu_has_avx2())
#define llama_cpu_has_avx512() \
	(boot_cpu_has(X86_FEATURE_AVX512BW) && boot_cpu_has(X86_FEATURE_AVX512VL) && \
	 boot_cpu_has(X86_FEATURE_AVX512DQ) && boot_cpu_has(X86_FEATURE_AVX512_VNNI) && \
	 llama_cpu_saves_zmm())
#define llama_simd_begin() kernel_fpu_begin()
#define llama_simd_end() kernel_fpu_end()
#elif defined(CONFIG_ARM64) && defined(CONFIG_KERNEL_MODE_NEON)
#include <asm/cpufeature.h>
#include <asm/hwcap.h>
#include <asm/neon.h>
#define LLAMA_ARM_SIMD
#define llama_cpu_has_neon() cpu_have_named_feature(ASIMD)
#define llama_cpu_has_dotprod() cpu_have_named_feature(ASIMDDP)
#define llama_cpu_has_i8mm() cpu_have_named_feature(I8MM)
#define llama_simd_begin() kernel_neon_begin()
#define llama_simd_end() kernel_neon_end()
#else
#define llama_simd_begin() do { } while (0)
#define llama_simd_end() do { } while (0)
#endif

#else /* userspace */

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define U8_MAX UINT8_MAX
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX
#define S16_MAX INT16_MAX
#define S16_MIN INT16_MIN
#define S32_MAX INT32_MAX
#define S32_MIN INT32_MIN
#define S64_MAX INT64_MAX
#define S64_MIN INT64_MIN

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define min(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define clamp_t(t, v, lo, hi) min_t(t, max_t(t, v, lo), hi)
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)
#define check_sub_overflow(a, b, d) __builtin_sub_overflow(a, b, d)
#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)
#define __printf(f, v) __attribute__((format(printf, f, v)))
#define noinline_for_stack __attribute__((noinline))
#define __must_check __attribute__((warn_unused_result))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#undef __always_inline	/* glibc has one */
#define __always_inline inline __attribute__((always_inline))
#define barrier() __asm__ __volatile__("" ::: "memory")
#define fallthrough __attribute__((fallthrough))
#define static_assert _Static_assert

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)

struct atomic64 {
	s64 counter;
};

#define atomic64_t struct atomic64

static inline s64 atomic64_read_acquire(const atomic64_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);
}

static inline void atomic64_set_release(atomic64_t *v, s64 i)
{
	__atomic_store_n(&v->counter, i, __ATOMIC_RELEASE);
}

static inline bool atomic64_try_cmpxchg(atomic64_t *v, s64 *old, s64 new)
{
	return __atomic_compare_exchange_n(&v->counter, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

static inline s64 atomic64_fetch_and(s64 i, atomic64_t *v)
{
	return __atomic_fetch_and(&v->counter, i, __ATOMIC_SEQ_CST);
}

static inline s64 atomic64_inc_return(atomic64_t *v)
{
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);
}

/* Vector registers can be used anywhere. LLAMA_NO_SIMD compiles without them. */
#if defined(__x86_64__) && !defined(LLAMA_NO_SIMD)
#define LLAMA_X86_SIMD
#define llama_cpu_has_avx2() __builtin_cpu_supports("avx2")
#define llama_cpu_has_avxvnni() (__builtin_cpu_supports("avxvnni") && llama_cpu_has_avx2())
#define llama_cpu_has_avx512() \
	(__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && \
	 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni"))
#elif defined(__aarch64__) && !defined(LLAMA_NO_SIMD)
#include <sys/auxv.h>
#define LLAMA_ARM_SIMD
#define llama_cpu_has_neon() (getauxval(AT_HWCAP) & HWCAP_ASIMD)
#define llama_cpu_has_dotprod() (getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
#define llama_cpu_has_i8mm() (getauxval(AT_HWCAP2) & HWCAP2_I8MM)
#endif
#ifndef llama_simd_begin	/* harness/programs/host/sections.h */
#define llama_simd_begin() do { } while (0)
#define llama_simd_end() do { } while (0)
#endif
#define llama_resched() do { } while (0)
#define llama_assert(condition) do { if (!(condition)) __builtin_trap(); } while (0)

#endif

static_assert(sizeof(void *) == 8, "the core needs a 64-bit machine");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the core needs a little-endian machine");

/* Unaligned little-endian loads from a file image. */
static inline u16 llama_get_u16(const void *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline u32 llama_get_u32(const void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline u64 llama_get_u64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/**
 * struct llama_diag - Message about a failure, in one line.
 * @text: NUL-terminated printable ASCII; empty before a failure.
 *
 * A function with such a parameter writes a message when its input makes it
 * fail. The pointer may be NULL.
 */
struct llama_diag {
	char text[200];
};

int llama_fail(struct llama_diag *diag, int err, const char *fmt, ...) __printf(3, 4);

/**
 * struct llama_arena - Memory of the caller, from which allocations are taken in order.
 * @base: Start, aligned to 64 bytes; NULL to measure only.
 * @size: Bytes at @base; ignored while measuring.
 * @used: Bytes allocated so far, rounded up to 64 for each allocation.
 */
struct llama_arena {
	u8 *base;
	size_t size;
	size_t used;
};

/* Alignment of every allocation, in bytes. */
#define LLAMA_ALIGN 64

/** llama_align_up() - Round @n up to the alignment of allocations. */
static inline size_t llama_align_up(size_t n)
{
	return (n + LLAMA_ALIGN - 1) & ~((size_t)LLAMA_ALIGN - 1);
}

/**
 * llama_arena_alloc() - Allocate @n objects of @size bytes from an arena.
 * @a:    Arena.
 * @n:    Number of objects; the product may overflow.
 * @size: Bytes of an object.
 *
 * Return: aligned, uninitialised memory, or NULL if it does not fit. While measuring
 * always NULL, and @a->used grows; it saturates at SIZE_MAX.
 */
void *llama_arena_alloc(struct llama_arena *a, size_t n, size_t size);

/**
 * struct llama_yield - A hook that is called between pieces of bounded work.
 * @fn:  May be NULL. A result other than 0 stops the work and is returned to the caller.
 * @arg: Handed to @fn.
 */
struct llama_yield {
	int (*fn)(void *arg);
	void *arg;
};

static inline int llama_yield(const struct llama_yield *y)
{
	return y && y->fn ? y->fn(y->arg) : 0;
}

#endif
