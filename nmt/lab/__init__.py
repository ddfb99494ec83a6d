"""The laboratory: tasks and demonstrations that show what recurrent networks can learn, and how."""
