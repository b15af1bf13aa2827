import streamlit as st

st.title("campaign")
