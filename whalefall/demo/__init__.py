"""The trial: throwaway database servers with a small company in them."""
