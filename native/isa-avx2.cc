// AVX2 with FMA. 16 registers of 8 floats.
#include <immintrin.h>
#include "kernels.h"
#define VECTOR_BYTES 32
#define DENSE_ROWS 6
#define DENSE_VECTORS 2
#define SPARSE_VECTORS_1 8
#define SPARSE_VECTORS_2 6
#define SPARSE_VECTORS_4 2
#define ISA_NAME "avx2"
namespace avx2 {
#include "body/all.inl"
}
