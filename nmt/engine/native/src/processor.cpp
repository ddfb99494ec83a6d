// Selection of the kernels that the processor can run.

#include <string.h>

#include "kernels.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace carousel {

namespace {

struct Features {
  bool avx2 = false, avxvnni = false, avx512 = false, dot_product = false;
};

#if defined(__x86_64__) || defined(_M_X64)

// The registers that the operating system saves when it switches threads: bits 1 and 2 for AVX, 5 to 7 for AVX-512.
unsigned saved_registers() {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

Features detect_features() {
  Features found;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
  const bool has_fma = c >> 12 & 1, has_xgetbv = c >> 27 & 1, has_avx = c >> 28 & 1;
  if (!has_fma || !has_xgetbv || !has_avx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  const unsigned saved = saved_registers();
  if ((saved & 0x6) != 0x6) return found;
  found.avx2 = b >> 5 & 1;
  const unsigned avx512_f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  const bool has_vnni = c >> 11 & 1;
  found.avx512 = (saved & 0xE6) == 0xE6 && (b & avx512_f_dq_bw_vl) == avx512_f_dq_bw_vl && has_vnni;
  found.avxvnni = found.avx2 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
  return found;
}

#elif defined(__aarch64__)

Features detect_features() {
  Features found;
#if defined(__linux__)
  found.dot_product = getauxval(AT_HWCAP) >> 20 & 1;  // HWCAP_ASIMDDP
#elif defined(__APPLE__)
  found.dot_product = true;  // every 64-bit processor of a Mac has it
#endif
  return found;
}

#else

Features detect_features() { return {}; }

#endif

}  // namespace

// The build defines a macro for each instruction set that the compiler supports.
#ifndef CAROUSEL_HAS_AVX512
const Kernels* avx512_kernels() { return nullptr; }
#endif
#ifndef CAROUSEL_HAS_AVXVNNI
const Kernels* avxvnni_kernels() { return nullptr; }
#endif
#ifndef CAROUSEL_HAS_AVX2
const Kernels* avx2_kernels() { return nullptr; }
#endif
#ifndef CAROUSEL_HAS_NEON
const Kernels* neon_kernels() { return nullptr; }
#endif

const Kernels* find_kernels(const char* name) {
  const Features features = detect_features();
  const Kernels* by_speed[] = {
      features.avx512 ? avx512_kernels() : nullptr,
      features.avxvnni ? avxvnni_kernels() : nullptr,
      features.avx2 ? avx2_kernels() : nullptr,
      features.dot_product ? neon_kernels() : nullptr,
      portable_kernels(),
  };
  for (const Kernels* kernels : by_speed)
    if (kernels != nullptr && (name[0] == '\0' || strcmp(name, kernels->name) == 0)) return kernels;
  return nullptr;
}

}  // namespace carousel
